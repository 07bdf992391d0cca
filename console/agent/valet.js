// The valet's page.

import { begin } from "./app.js";

begin({ role: "valet", moves: true });
