/** Starts the page. */

import { render } from "preact";
import { reason } from "./api/client";
import { connect, hearing, on } from "./api/live";
import { look } from "./api/session";
import { followCanvas } from "./canvas/following";
import { load, loadKinds } from "./canvas/glyphs";
import { catchUp, followRuns } from "./python/following";
import { complain } from "./shell/notices";
import { Page } from "./shell/page";
import "./styles/page.css";
import "./styles/canvas.css";
import "./styles/results.css";
import "./styles/panels.css";

const fail = (error: unknown) => complain(reason(error));
render(<Page />, document.getElementById("page")!);
// Who one is comes first: what follows waits for a login where there has to be one.
look().then(hearing).then(load).then(catchUp).catch(fail);
connect();
followCanvas();
followRuns();
on("plugin", () => void loadKinds().catch(() => undefined));
