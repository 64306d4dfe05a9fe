/** The handlers that the plugins announce, as `PLUGIN/HANDLER`. */

import { ask } from "../api/client";

interface Offered {
  routes: { name: string; handlers: string[] }[];
}

export async function handlerNames(): Promise<string[]> {
  const { routes } = await ask<Offered>("GET", "/api/plugins/routes");
  // Those of the chassis itself have two underscores.
  return routes.flatMap(({ name, handlers }) => handlers.filter((each) => !each.includes("__")).map((each) => `${name}/${each}`));
} // prettier-ignore
