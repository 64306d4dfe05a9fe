/** Starts the page. */

import { render } from "preact";
import { reason } from "./api/client";
import { connect, on } from "./api/live";
import { load, loadKinds } from "./canvas/glyphs";
import { complain } from "./shell/notices";
import { Page } from "./shell/page";
import "./styles/page.css";
import "./styles/canvas.css";
import "./styles/results.css";
import "./styles/panels.css";

render(<Page />, document.getElementById("page")!);
load().catch((error: unknown) => complain(reason(error)));
connect();
on("plugin", () => void loadKinds().catch(() => undefined));
