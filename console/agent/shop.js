// The shop's page: it stands at its home, and several of its people are at it at once.

import { begin } from "./app.js";

begin({ role: "shop", moves: false });
