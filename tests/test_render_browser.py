"""The page of a report in Chromium: nothing leaves, nothing hostile runs, and hands, keys and eyes reach it."""

from __future__ import annotations

import html
import re
import shutil

import numpy as np
import pytest

import pondera as po
from pondera.reporting.render import render_html
from report_document import HOSTILE, hostile_document, report_document

pytestmark = pytest.mark.browser
pytest.importorskip("jinja2", reason="the report needs the extra 'report'")
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("needs Chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    out = {}
    for name, document in (("report", report_document()), ("hostile", hostile_document()), ("large", large())):
        out[name] = folder / f"{name}.html"
        out[name].write_text(render_html(document), encoding="utf-8")
    return out


def large() -> dict:
    """As much as a report shows: sections of long tables."""
    document = report_document(300)
    tables = [
        {
            "id": f"long{i}",
            "title": "Long table",
            "columns": [{"name": n, "kind": k} for n, k in (("feature", "text"), ("a", "number"), ("b", "interval"))],
            "rows": [[f"feature {j} " + "long name " * 9, j / 7, [j / 9, j / 5]] for j in range(300)],
        }
        for i in range(9)
    ]
    document["sections"] += [
        {"id": f"more{k}", "title": "More", "lead": "", "level": None, "notes": [], "charts": [], "tables": tables}
        for k in range(8)
    ]
    return document


@pytest.fixture
def visit(browser, files):
    """Opens a file; at the end nothing may have been written to the console or asked of any server."""
    opened = []

    def visit(name: str, **options):
        context = browser.new_context(**({"viewport": {"width": 1240, "height": 900}} | options))
        page = context.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))

        def gate(route):
            asked.append(route.request.url)
            if route.request.url == files[name].as_uri():
                route.continue_()
            else:
                route.abort()

        page.route("**/*", gate)
        page.goto(files[name].as_uri())
        opened.append((context, files[name].as_uri(), said, asked))
        return page

    yield visit
    for context, address, said, asked in opened:
        context.close()
        assert said == []
        assert set(asked) == {address}


def tip(page) -> str:
    return page.locator("#tip").inner_text() if page.locator("#tip").is_visible() else ""


def settle(page) -> None:
    """Scrolling hides the tooltip, and its event comes with the next frame: wait for two."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def column(page, table: str, index: int) -> list[str]:
    return page.locator(f"{table} tbody tr > :nth-child({index})").all_inner_texts()


def test_all_sections_are_shown_from_a_file(visit):
    page = visit("report")
    assert page.locator("main > section").count() == 7
    assert page.locator("main > section h2").all_inner_texts()[1] == "How far the samples are"
    assert page.locator(".verdicts .badge").all_inner_texts() == ["Alert", "Caution", "Note", "Good"]
    assert page.title() == "diabetes: younger half against older half"


def test_a_click_sorts_a_table_and_missing_values_stay_last(visit):
    page = visit("report")
    page.locator("summary").first.click()
    head = page.locator("#table-1-1 thead th").nth(1)
    head.locator("button").click()
    up = column(page, "#table-1-1", 2)
    assert head.get_attribute("aria-sort") == "ascending"
    assert up[-1].startswith("–")
    numbers = [float(v.replace("−", "-")) for v in up[:-1]]
    assert numbers == sorted(numbers)
    head.locator("button").click()
    down = column(page, "#table-1-1", 2)
    assert head.get_attribute("aria-sort") == "descending"
    assert down[-1].startswith("–")
    assert down[:-1] == up[:-1][::-1]
    assert page.locator("#said").inner_text() == "Sorted by KL nats, descending"


def test_the_keyboard_sorts_a_table_by_text_and_by_interval(visit):
    page = visit("report")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    head = page.locator("#table-1-1 thead th")
    head.nth(0).locator("button").focus()
    page.keyboard.press("Enter")
    names = column(page, "#table-1-1", 1)
    assert head.nth(0).get_attribute("aria-sort") == "ascending"
    assert names == sorted(names)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    lows = [float(v.split(" to ")[0].replace("−", "-")) for v in column(page, "#table-1-1", 3)]
    assert lows == sorted(lows)
    assert [head.nth(i).get_attribute("aria-sort") for i in (0, 2)] == ["none", "ascending"]


@pytest.mark.parametrize("kind", ["bar", "interval", "line", "histogram", "scatter"])
def test_hovering_and_focusing_a_mark_show_its_numbers(visit, kind):
    page = visit("report")
    marks = page.locator(f".is-{kind}").first.locator(".mark")
    third = marks.nth(2)
    expected = third.get_attribute("aria-label").split("\n")
    assert any(re.search(r"\d", line) for line in expected)
    third.scroll_into_view_if_needed()
    settle(page)
    # The middle of a mark is always inside it, save for points, whose dot is what one meets.
    (third.locator(".dot") if kind == "scatter" else third).hover(force=True)
    assert tip(page).split("\n") == expected
    page.mouse.move(1, 1)
    assert tip(page) == ""
    marks.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert tip(page).split("\n") == expected
    page.keyboard.press("Escape")
    assert tip(page) == ""
    page.keyboard.press("End")
    assert tip(page).split("\n") == marks.last.get_attribute("aria-label").split("\n")
    box = page.locator("#tip").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1240


def test_a_chart_is_one_stop_of_the_tab_key(visit):
    page = visit("report")
    page.locator(".is-bar").first.locator(".mark").first.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_a_touch_shows_the_numbers_and_another_hides_them(visit):
    page = visit("report", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    mark = page.locator(".is-bar .mark").nth(3)
    mark.scroll_into_view_if_needed()
    settle(page)
    mark.tap(force=True)
    assert tip(page).startswith("glucose\n0.348 (")
    page.locator(".is-bar .labels li").nth(4).tap()
    assert tip(page).startswith("ldl\n")
    page.locator("h2").nth(1).tap()
    assert tip(page) == ""


def test_the_toggle_and_the_system_choose_light_or_dark(visit):
    page = visit("report", color_scheme="dark")
    colours = "(() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; })()"
    dark = page.evaluate(colours)
    assert page.locator("#theme").inner_text() == "Light mode"
    page.locator("#theme").click()
    light = page.evaluate(colours)
    assert page.locator("#theme").inner_text() == "Dark mode"
    page.emulate_media(color_scheme="light")
    page.reload()
    assert page.evaluate(colours) == light
    page.locator("#theme").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(colours) == dark

    def brightness(colour: str) -> float:
        return sum(int(v) for v in re.findall(r"\d+", colour)[:3]) / 3

    assert brightness(dark[0]) < 60 < 180 < brightness(dark[1])
    assert brightness(light[1]) < 60 < 180 < brightness(light[0])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_the_contrast_that_wcag_asks_for(visit, scheme):
    page = visit("report", color_scheme=scheme)
    # Ratio of relative luminances (WCAG 2.2, 1.4.3) of each text against the first opaque background above it.
    poor = page.evaluate(
        """() => {
          const lum = (c) => {
            const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
              .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const poor = [];
          const texts = "p, li, h1, h2, h3, a, dt, dd, small, th, td, summary, button, .badge, .tick";
          for (const e of document.querySelectorAll(texts)) {
            let up = e;
            while (up && getComputedStyle(up).backgroundColor === "rgba(0, 0, 0, 0)") up = up.parentElement;
            const style = getComputedStyle(e);
            const a = lum(e.matches(".tick") ? style.fill : style.color);
            const b = lum(getComputedStyle(up || document.body).backgroundColor);
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) poor.push([e.outerHTML.slice(0, 80), ratio]);
          }
          return poor;
        }"""
    )
    assert poor == []


@pytest.mark.parametrize("name", ["report", "hostile", "large"])
@pytest.mark.parametrize("width", [320, 390, 768])
def test_narrow_windows_do_not_scroll_sideways_and_letters_keep_their_size(visit, name, width):
    page = visit(name, viewport={"width": width, "height": 844})
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in (".tick", ".labels li", "td", "p:not(.unseen)"):
        if page.locator(selector).count():
            height = page.locator(selector).first.evaluate(
                "e => parseFloat(getComputedStyle(e).fontSize) * (e.getScreenCTM ? e.getScreenCTM().a : 1)"
            )
            assert height >= 12
    plot = page.locator(".plot").first.bounding_box()
    assert plot["width"] > 0.4 * width if name == "report" else plot["width"] > 60


def test_hostile_texts_are_shown_and_never_run(visit):
    page = visit("hostile")
    page.wait_for_timeout(300)
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    for mark in page.locator(".mark").all()[:40]:
        mark.focus()
    for button in page.locator("thead button").all()[:20]:
        button.click()
    assert page.evaluate("window.pwn") is None
    # The tooltip is moved by our script through the object model, which the policy allows.
    foreign = (
        "img, iframe, object, embed, base, link, form, template, body style, [onload], [onerror], [style]:not(#tip)"
    )
    assert page.locator(foreign).count() == 0
    assert page.locator("script").count() == page.locator("style").count() == 1
    assert all(
        href.startswith("#") for href in page.locator("a").evaluate_all("e => e.map(a => a.getAttribute('href'))")
    )
    text = page.locator("body").inner_text()
    for hostile in HOSTILE[:8]:
        assert hostile in text
    assert "right⟨U+202E⟩to left" in text


def test_hostile_columns_categories_and_names_pass_through_a_whole_report(browser, tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)

    def frame(n: int, shift: float):
        data = {name: rng.normal(shift, 1, n) for name in HOSTILE[:4]}
        data[HOSTILE[9]] = rng.choice(list(HOSTILE[:8]), n)
        data[HOSTILE[11]] = rng.normal(size=n)
        data[HOSTILE[5]] = data[HOSTILE[0]] + rng.normal(size=n)
        return pd.DataFrame(data)

    report = po.report(frame(120, 0.0), frame(100, 0.5), label=HOSTILE[5])
    file = tmp_path / "report.html"
    report.write_html(file)
    page = browser.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert page.locator("main > section").count() == 1 + len(report.document["sections"])
    assert page.locator("img, iframe, body a[href]:not([href^='#'])").count() == 0
    assert page.locator("script").count() == page.locator("style").count() == 1
    assert page.evaluate("window.pwn") is None
    assert HOSTILE[0] in page.locator("body").inner_text()
    assert said == []
    assert asked == [file.as_uri()]
    page.close()


def test_a_hostile_script_would_be_stopped_by_the_policy(browser, tmp_path):
    # Were escaping ever to fail, the policy still refuses a script that is not ours.
    broken = render_html(report_document()).replace("<main", "<script>window.pwn=1</script><img src=x><main", 1)
    file = tmp_path / "broken.html"
    file.write_text(broken, encoding="utf-8")
    page = browser.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    assert page.evaluate("window.pwn") is None
    assert len([s for s in said if "Content Security Policy" in s]) == 2
    page.close()


def test_links_of_verdicts_and_contents_reach_their_sections(visit):
    page = visit("report")
    page.locator(".verdicts a").nth(2).click()
    assert page.url.endswith("#section-performance")
    assert page.locator("#section-performance h2").evaluate("e => e.getBoundingClientRect().top") < 200
    page.keyboard.press("Home")
    page.evaluate("scrollTo(0, 0)")
    page.locator(".toc a").last.click()
    assert page.locator("#section-method h2").is_visible()
    page.locator(".toc [aria-current]").wait_for()


def test_a_notebook_frame_keeps_the_report_when_a_link_is_followed(browser):
    page = browser.new_page()
    source = html.escape(render_html(report_document()), quote=True)
    page.set_content(f'<iframe sandbox="allow-scripts" srcdoc="{source}" width="900" height="700"></iframe>')
    frame = page.frames[1]
    frame.locator(".verdicts a").nth(2).click()
    assert frame.locator("#section-performance h2").evaluate("e => e.getBoundingClientRect().top") < 200
    frame.locator(".is-line .mark").nth(50).hover()
    assert "gradient boosting: 46.5 (" in frame.locator("#tip").inner_text()
    page.close()


def test_the_first_tab_stop_skips_to_the_report(visit):
    page = visit("report")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_paper_shows_the_folded_tables_and_no_controls(visit):
    page = visit("report")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#table-1-1").is_visible()
    assert not page.locator("#theme").is_visible()
    assert not page.locator(".toc").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_without_scripts_everything_but_the_comfort_is_there(visit):
    page = visit("report", java_script_enabled=False)
    assert page.locator("main > section").count() == 7
    assert not page.locator("#theme").is_visible()
    page.locator("summary").first.click()
    assert page.locator("#table-1-1").is_visible()


@pytest.mark.parametrize("name", ["report", "large"])
def test_the_first_paint_comes_within_two_seconds(visit, files, name):
    assert name == "report" or files[name].stat().st_size > 1_500_000
    page = visit(name)
    paint = page.evaluate(
        """() => new Promise((done) => new PerformanceObserver((list) => {
          for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime);
        }).observe({ type: "paint", buffered: true }))"""
    )
    assert paint < 2000
