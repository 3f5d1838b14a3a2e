"""The page: whole, alone, readable in light and dark, and with no number but those of the runs."""

import json
import re
import tomllib

import pytest
from parsed import Page, by_run, number, numbers
from small_runs import FILE, baseline_rows, best, drawn, reported, rows, subject

from ostinato.bundle import Bundle
from ostinato.data import data_sources
from ostinato.decode import sample
from ostinato.progress import silent
from ostinato.report import differences, subjects
from ostinato.report.charts import charts
from ostinato.report.style import CSS


@pytest.fixture(scope="module")
def two(made) -> Page:
    return Page(drawn(made / "lstm", made / "gru"))


def colours(css: str) -> dict[str, dict[str, str]]:
    """By scheme, the value of each custom property."""
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    assert css.index(light) < css.index("(prefers-color-scheme: dark)") < css.index(dark)
    first = dict(re.findall(r"--([\w-]+): (#\w+)", light))
    return {"light": first, "dark": first | dict(re.findall(r"--([\w-]+): (#\w+)", dark))}


def contrast(a: str, b: str) -> float:
    """WCAG 2.1, "contrast ratio" and "relative luminance"."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_every_link_leads_somewhere_on_the_page(two):
    ids = [element.attributes["id"] for element in two.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    links = [element.attributes["href"] for element in two.elements if "href" in element.attributes]
    named = [element.attributes.get("aria-labelledby") for element in two.elements]
    asked = [*links, *(f"#{name}" for name in named if name), *re.findall(r"url\(([^)]*)\)", two.html)]
    assert len(asked) > 20
    assert set(asked) <= {f"#{name}" for name in ids}


def test_nothing_comes_from_outside_and_nothing_runs(two):
    tags = {element.tag for element in two.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "img", "image", "base", "form"}
    attributes = {name for element in two.elements for name in element.attributes}
    assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "action")]
    assert "@import" not in two.html
    assert set(re.findall(r"\w+://[^\"'\s<]*", two.html)) == {"http://www.w3.org/2000/svg"}, "the name of a language"
    (policy,) = [each for each in two.elements if each.attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy.attributes["content"].startswith("default-src 'none'")


def test_it_says_what_it_is_to_those_who_do_not_see_it(two):
    (html,) = two.root.all("html")
    assert html.attributes["lang"] == "en"
    assert two.root.all("title")[0].text == two.root.all("h1")[0].text == "Report: lstm and gru"
    assert all(svg.attributes["role"] == "img" and svg.all("title")[0].text for svg in two.root.all("svg"))
    assert all(table.all("caption")[0].text for table in two.root.all("table"))
    assert {cell.attributes.get("scope") for cell in two.root.all("th")} <= {"row", "col", "rowgroup"}
    levels = [int(each.tag[1]) for each in two.elements if re.fullmatch(r"h\d", each.tag)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}


def test_nothing_on_the_page_is_wider_than_the_screen(two):
    """A table scrolls in a box of its own, and a chart scales."""
    boxes = [each for each in two.elements if each.attributes.get("class") == "scroll"]
    assert sum(len(box.all("table")) for box in boxes) == len(two.root.all("table")) > 3
    assert re.search(r"\.scroll \{[^}]*overflow-x: auto", CSS)
    charts = two.root.all("svg")
    assert charts
    assert all("viewbox" in svg.attributes and "width" not in svg.attributes for svg in charts)
    assert re.search(r"figure svg \{[^}]*width: 100%", CSS)
    assert not re.findall(r"(?<!-)\bwidth: (?!100%|1px)", CSS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_have_every_colour_and_enough_contrast(two, scheme):
    found = colours(CSS)
    assert set(re.findall(r"var\(--([\w-]+)", two.html)) <= set(found[scheme])
    changed = {name for name in found["light"] if found["light"][name] == found["dark"][name]}
    assert not changed, "a colour of the light page is left in the dark one"
    paper = found[scheme]["paper"]
    for name in ("ink", "faint", "link"):
        assert contrast(found[scheme][name], paper) >= 4.5, name
    assert contrast(found[scheme]["ink"], found[scheme]["raised"]) >= 4.5
    lines = [name for name in found[scheme] if name.startswith("series-")]
    assert len(lines) == 6
    for name in lines:
        assert contrast(found[scheme][name], paper) >= 3, name


def test_scores_are_those_of_the_best_evaluation_in_the_log(two, made):
    (_, scores), (_, meaning) = two.tables("scores")
    by_model = {row["model"].text: row for row in scores}
    expected = {"lstm": best(made / "lstm"), "gru": best(made / "gru")}
    # Both runs have the same tokenizer and text, so that their baselines are the same and shown once.
    assert baseline_rows(made / "lstm") == baseline_rows(made / "gru")
    expected |= {f"{name} (baseline)": row for name, row in baseline_rows(made / "lstm").items()}
    assert set(by_model) == set(expected)
    for model, of_name in expected.items():
        assert list(by_model[model])[1:] == [name.replace("_", " ") for name in of_name]
        for name, score in of_name.items():
            assert numbers(by_model[model][name.replace("_", " ")]) == [score["value"], *(score["interval"] or [])]
    first = [number(row["bits per character"]) for row in scores]
    assert first == sorted(first), "the best first"
    fields = {row["score"].text: row for row in meaning}
    for name, score in best(made / "lstm").items():
        row = fields[name.replace("_", " ")]
        assert row["unit of the number"].text == score["unit"]
        shown = {
            key: re.sub(r"^([0-9a-f]{8})[0-9a-f]{56}$", r"\1…", value) for key, value in score["signature"].items()
        }
        assert {key: row[key].text for key in score["signature"]} == shown


def test_three_runs_have_few_tables(made):
    page = Page(reported(made / "lstm", made / "gru", made / "byte"))
    assert len(page.root.all("table")) == 4  # facts, scores, what they mean, differences


def test_a_sample_is_what_the_model_writes_or_predicts(made):
    page = Page(reported(made / "byte", made / "recall"))
    (text,) = [each.text for each in page.section("samples").all("pre")]
    bundle = Bundle.load(made / "byte")
    (written,) = sample(bundle.model, max_length=300, temperature=0.8, seed=1)
    decoded = bundle.task.tokenizer.decode(written.tokens)
    assert text == "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in decoded)[:300]
    assert "temperature 0.8, with seed 1" in page.section("samples").text
    ((_, predictions),) = page.tables("samples")
    recall = Bundle.load(made / "recall")
    recall.task.prepare(data_sources.build(recall.recipe["data"], at="data", folder=made, progress=silent))
    examples = recall.task.evaluation_batches("valid").batch(0, 0)[:3]
    answers = recall.predict([example.inputs for example in examples])
    for row, example, answer in zip(predictions, examples, answers, strict=True):
        assert row["row"].text == example.key
        assert json.loads(row["prediction"].text) == answer.tolist()
        assert json.loads(row["reference"].text) == example.targets[example.scored].tolist()


def test_how_each_run_stands(two, made):
    ((_, table),) = two.tables("runs")
    for name, facts in by_run(table).items():
        run = made / name
        last = rows(run, "scores")[-1]
        assert facts["state"].text == "finished"
        assert number(facts["steps"]) == last["step"] == 12
        assert number(facts["time in training"]) == last["seconds"]
        assert number(facts["parameters"]) == Bundle.load(run).parameters()
        values = {each["step"]: each["scores"][0]["value"] for each in rows(run, "scores")}
        assert values[number(facts["best at step"])] == min(values.values())


def test_no_number_is_on_the_page_that_is_not_in_a_run(two, made):
    written = {Bundle.load(made / name).parameters() for name in ("lstm", "gru")}

    def collect(value):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                collect(each)
        else:
            written.add(value)

    for name in ("lstm", "gru"):
        for line in (made / name / "metrics.jsonl").read_text("utf-8").splitlines():
            collect(json.loads(line))
    shown = [float(each.attributes["value"]) for each in two.root.all("data")]
    assert len(shown) > 20
    assert set(shown) <= written


def test_curves_are_the_rows_of_the_log(made):
    runs = [made / "lstm", made / "gru"]
    found = {chart.title: chart for chart in charts(list(subjects(runs)))}
    columns = {
        "Training loss": "loss", "Gradient norm": "gradient_norm", "Learning rate": "rate",
        "Speed of training": "tokens_a_second",
    }  # fmt: skip
    for title, column in columns.items():
        assert [line.name for line in found[title].series] == ["lstm", "gru"]
        for line, run in zip(found[title].series, runs):
            assert list(line.x) == [row["step"] for row in rows(run, "train")] == [2, 4, 6, 8, 10, 12]
            assert list(line.y) == [row[column] for row in rows(run, "train")]
    for line, run in zip(found["Bits per character on valid"].series, runs):
        scores = [(row["step"], row["scores"][0]) for row in rows(run, "scores")]
        assert list(zip(line.x, line.y)) == [(step, score["value"]) for step, score in scores]
        assert list(zip(line.low, line.high)) == [tuple(score["interval"]) for _, score in scores]
    by_time = found["Bits per character on valid, by time"]
    assert list(by_time.series[0].x) == [row["seconds"] for row in rows(runs[0], "scores")]
    # The curve is of quick evaluations in two stretches, and the baselines read the text in one: no line is drawn.
    assert by_time.levels == found["Bits per character on valid"].levels == {}


def test_the_best_baseline_is_a_line_in_the_chart(made):
    (chart,) = [chart for chart in charts([subject(made / "recall")]) if chart.title == "Accuracy on valid"]
    (bar,) = baseline_rows(made / "recall").values()
    assert chart.levels == {"one answer for all (baseline)": bar["accuracy"]["value"]}


def test_every_chart_is_drawn_once_with_the_names_of_its_lines(two, made):
    found = charts(list(subjects([made / "lstm", made / "gru"])))
    drawn = {svg.all("title")[0].text: svg.text for svg in two.section("curves").all("svg")}
    assert sorted(drawn) == sorted(chart.title for chart in found)
    assert all("lstm" in text and "gru" in text for text in drawn.values())


def test_what_is_not_comparable_is_apart_and_the_page_says_why(made):
    page = Page(reported(made / "lstm", made / "byte", made / "recall"))
    scores = [rows for _, rows in page.tables("scores") if "model" in rows[0]]
    assert [list(rows[0])[1] for rows in scores] == ["bits per character", "accuracy"]
    letters = {row["model"].text: [each.text for each in row["perplexity"].all("i")] for row in scores[0]}
    assert (letters["lstm"], letters["byte"]) == (["a"], ["b"]), "a perplexity is of a tokenizer"
    assert not [row for row in scores[0] if row["bits per character"].all("i")]
    assert {row["model"].text for row in scores[1]} == {"recall", "one answer for all (baseline)"}
    words = page.section("scores").text
    assert "Perplexity: a and b are not comparable, as they differ in tokenizer (" in words
    losses = [each.text for each in page.section("curves").all("figure") if "Training loss" in each.text]
    assert len(losses) == 3
    assert "Shown apart" not in losses[0]
    assert "is not that of lstm, as the recipes differ in task.tokenizer.name." in losses[1]
    assert "is not that of lstm, as the recipes differ in task.name" in losses[2]
    labels = [chart.y_label for chart in charts(list(subjects([made / "lstm", made / "byte"])))]
    assert [label for label in labels if label.startswith("loss")] == ["loss a character", "loss a byte"]


def test_another_text_or_split_is_another_group_of_rows(made, copied):
    run = copied("gru", "other")
    log = (run / "metrics.jsonl").read_text("utf-8")
    sha = best(run)["bits_per_character"]["signature"]["corpus"]
    (run / "metrics.jsonl").write_text(log.replace(sha, sha[::-1]), "utf-8")
    section = Page(reported(made / "lstm", run)).section("scores")
    titles = [cell.text for cell in section.all("th") if cell.attributes["scope"] == "rowgroup"]
    assert titles == ["On valid", "On valid, not comparable with the rows above"]
    assert "differ in corpus (" in section.text
    (run / "metrics.jsonl").write_text(log.replace('"split": "valid"', '"split": "test"'), "utf-8")
    section = Page(reported(made / "lstm", run)).section("scores")
    titles = [cell.text for cell in section.all("th") if cell.attributes["scope"] == "rowgroup"]
    assert titles == ["On valid", "On test"]


def test_a_score_whose_meaning_changed_on_the_way_is_two(copied):
    run = copied("lstm")
    first, *others = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    changed = [re.sub(r'"state": "[^"]*"', '"state": "reset"', line) for line in others[:3]]
    assert changed != others[:3]
    (run / "metrics.jsonl").write_text("\n".join([first, *changed, *others[3:], ""]), "utf-8")
    found = [chart for chart in charts([subject(run)]) if chart.title == "Bits per character on valid"]
    assert [len(chart.series[0].x) for chart in found] == [1, 2]
    assert "differ in state (reset and " in found[1].words


def test_recipes_are_whole_and_what_differs_is_listed(two, made):
    runs = [made / "lstm", made / "gru"]
    recipes = [tomllib.loads(code.text) for code in two.section("recipes").all("code")]
    assert recipes == [Bundle.load(run).recipe for run in runs]
    ((_, found),) = two.tables("differences")
    by_key = {row["key"].text: (row["lstm"].text, row["gru"].text) for row in found}
    assert by_key["model.cell.name"] == ('"lstm"', '"gru"')
    assert by_key["model.cell.forget_bias"] == ("1.0", "not set")
    assert set(by_key) == set(differences(list(subjects(runs))))
    assert all(key.startswith("model.cell.") for key in by_key)


def test_the_same_recipe_twice_is_said_and_one_run_has_nothing_to_differ_from(made, copied):
    page = Page(reported(made / "lstm", copied("lstm", "again")))
    assert "the same in every key" in page.section("differences").text
    assert "differences" not in {each.attributes.get("id") for each in Page(reported(made / "lstm")).elements}


def test_names_and_recipes_are_text(copied):
    name = "<script>alert(1)<b id=x>&quot;'\""
    page = Page(reported(copied("lstm", name), copied("gru", "a$x_1$")))
    assert not {element.tag for element in page.elements} & {"script", "b"}
    assert "<script" not in page.html
    assert page.root.all("h1")[0].text == f"Report: {name} and a$x_1$"
    assert list(page.tables("runs")[0][1][0])[1:] == [name, "a$x_1$"]
    assert name in Page(charts([subject(copied("recall", f"{name}2"))])[0].svg()).root.text
    assert FILE in tomllib.loads(page.section("recipes").all("code")[0].text)["data"]["text"]


def test_runs_whose_folders_have_one_name_are_told_apart_by_their_paths(made, copied):
    runs = [made / "lstm", copied("gru", "lstm")]
    assert [each.name for each in subjects(runs)] == [str(run) for run in runs]
