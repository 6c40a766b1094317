/** Where the dashboard begins in the browser. */
import { render } from "preact";
import { App } from "./app.tsx";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/run.css";

render(<App />, document.getElementById("app")!);
