"""The reader of JavaScript that the static rules of the pages stand on."""

from tests.console.javascript import HOLE, Template, imports, read

SOURCE = r"""
// no "string" here, nor `template`
import { html, nothing } from "../vendor/lit-html/lit-html.js"; /* "nor" here */
import "./side.js";
export { a } from "./a.js";
const later = import("./later.js");
const odd = /["'`]\/[/"]/g.test(x) ? 1 / 2 : [3][0] / 4 / a;
const text = 'it\'s';
const view = (n) => html`<p class="a" title=${t("kit.title")}>${n ? html`<b>${`${n} x`}</b>` : { a: {} }}</p>`;
const plain = `a $ b \` c`;
"""


def test_it_is_taken_apart() -> None:
    source = read(SOURCE)
    assert "../vendor/lit-html/lit-html.js" in source.strings
    assert source.strings[4:] == ["it's", "kit.title"]
    assert source.templates == [
        Template("html", f'<p class="a" title={HOLE}>{HOLE}</p>'),
        Template("html", f"<b>{HOLE}</b>"),
        Template("", f"{HOLE} x"),
        Template("", r"a $ b \` c"),
    ]
    assert "string" not in source.code
    assert "nor" not in source.code


def test_imports() -> None:
    assert list(imports(read(SOURCE))) == ["../vendor/lit-html/lit-html.js", "./side.js", "./a.js", "./later.js"]
