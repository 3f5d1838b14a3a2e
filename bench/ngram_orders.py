"""The n-gram ceiling: what each order comes to, as a table, and with --page in a page with a figure.

    OSTINATO_DATA=… python bench/ngram_orders.py wikitext2 --most 8
    OSTINATO_DATA=… python bench/ngram_orders.py war_and_peace --most 20 --page docs/ngrams.md

WikiText-2 is words, a sentence a line (blank lines dropped, lines stripped, `<unk>` renamed `<oov>`), and its own three
parts. War and Peace is characters, one long row of them, cut by bytes into 80 % to count, 10 % and 10 %, as the recipes
of networks have it. Every order is a model of its own, modified Kneser–Ney unless --smoothing says otherwise.

--page FILE puts the table between `<!-- NAME -->` and `<!-- end of NAME -->` of a page, and the figure beside it.
"""

import argparse
import lzma
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato.data.sources.text import text as plain_text
from ostinato.data.text_file import Text
from ostinato.lm.ngram import NGram, build
from ostinato.lm.ngram.token_build import build_of_tokens
from ostinato.metrics import LanguageMetric, NatsPerCharacter, Perplexity
from ostinato.plots import Series, draw
from ostinato.scoring.base import TextScorer, whole
from ostinato.scoring.ngrams import TokenNGramScorer, WordNGramScorer
from ostinato.text import Characters

Sized = tuple[TextScorer, int]


@dataclass(frozen=True)
class Corpus:
    """Texts by name, `train` first; how to build an order of it (the model, and how many n-grams); what is measured."""

    texts: dict[str, Text]
    build: Callable[[int, str], Sized]
    metric: type[LanguageMetric]
    title: str
    y_label: str
    published: dict[str, float]


def wikitext2(data: Path, folder: Path) -> Corpus:
    texts = {}
    for split in ("train", "valid", "test"):
        with lzma.open(data / "wikitext2" / f"wiki.{split}.tokens.xz", "rt", encoding="utf-8") as file:
            lines = (line.strip().replace("<unk>", "<oov>") for line in file)
            (folder / f"{split}.txt").write_text("".join(f"{line}\n" for line in lines if line), encoding="utf-8")
        texts[split] = whole(folder / f"{split}.txt")

    def made(order: int, smoothing: str) -> Sized:
        grams = build(texts["train"].path, order, smoothing=smoothing).grams
        return WordNGramScorer(folder, NGram.of(grams)), _size(grams)

    return Corpus(texts, made, Perplexity, "WikiText-2, words", "perplexity", {})


def war_and_peace(data: Path, folder: Path) -> Corpus:
    name = str(data / "war_and_peace" / "warpeace_input.txt.gz")
    texts = plain_text(name, valid=0.1, test=0.1, folder=folder).splits
    tokenizer = Characters()
    tokenizer.train(texts["train"].pieces())

    def made(order: int, smoothing: str) -> Sized:
        grams = build_of_tokens([texts["train"]], tokenizer, order, smoothing=smoothing).grams
        return TokenNGramScorer(folder, NGram.of(grams), tokenizer), _size(grams)

    published = {"20-gram of Karpathy, Johnson and Fei-Fei (2015)": 1.195}
    return Corpus(texts, made, NatsPerCharacter, "War and Peace, characters", "nats a character", published)


CORPORA = {"wikitext2": wikitext2, "war_and_peace": war_and_peace}


def rows(corpus: Corpus, orders: range, smoothing: str) -> Iterator[dict[str, Any]]:
    for order in orders:
        started = time.process_time()
        model, size = corpus.build(order, smoothing)
        built = time.process_time() - started
        scores = {split: model.read(corpus.texts[split]).score(corpus.metric).value for split in ("valid", "test")}
        yield {"order": order, "ngrams": size, "seconds": built, **scores}


def _size(grams: Any) -> int:
    return sum(grams.count(n) for n in range(1, grams.order + 1))


def into_page(page: Path, name: str, table: str) -> None:
    """The table between the marks of its name."""
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    said = page.read_text(encoding="utf-8")
    after, found = re.subn(f"{marks[0]}.*?{marks[1]}", f"{marks[0]}\n{table}\n{marks[1]}", said, flags=re.DOTALL)
    if found != 1:
        sys.exit(f"ngram_orders: {page} has no lines {marks[0]} and {marks[1]}; put them where the table is to stand")
    page.write_text(after, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", choices=CORPORA)
    parser.add_argument("--most", type=int, default=8, help="the highest order")
    parser.add_argument("--smoothing", default="modified_kneser_ney")
    parser.add_argument("--plot", type=Path, help="a figure: .svg, .png or .pdf")
    parser.add_argument("--page", type=Path, help="a page to put the table and the figure into")
    options = parser.parse_args()
    data = os.environ.get("OSTINATO_DATA")
    if not data:
        sys.exit("ngram_orders: OSTINATO_DATA is not set; set it to the folder of data sets")
    with tempfile.TemporaryDirectory(prefix="ostinato-orders-") as folder:
        corpus = CORPORA[options.corpus](Path(data), Path(folder))
        table = [f"| order | n-grams | valid, {corpus.y_label} | test | built in, processor seconds |",
                 "| ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
        found = []
        print("\n".join(table), flush=True)
        for row in rows(corpus, range(1, options.most + 1), options.smoothing):
            found.append(row)
            table.append("| {order} | {ngrams:,} | {valid:.3f} | {test:.3f} | {seconds:.1f} |".format(**row))
            print(table[-1], flush=True)
    figure = options.page.with_name(f"ngrams-{options.corpus.replace('_', '-')}.svg") if options.page else None
    for path in filter(None, (figure, options.plot)):
        orders = [row["order"] for row in found]
        series = [Series(split, orders, [row[split] for row in found]) for split in ("valid", "test")]
        draw(path, series, title=corpus.title, x_label="order", y_label=corpus.y_label,
                 y_log=corpus.metric is Perplexity, levels=corpus.published)  # fmt: skip
    if options.page:
        into_page(options.page, options.corpus, "\n".join([*table, "", f"![{corpus.title}]({figure.name})"]))


if __name__ == "__main__":
    main()
