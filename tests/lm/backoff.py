"""A back-off model by its definition (dictionaries, as slow as they are plain), and small ones drawn by chance."""

import math
import random

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"


class Plain:
    """log_prob and backoff by n-gram, in base 10; what is missing weighs 0."""

    def __init__(self, log_probs, backoffs, order):
        self.log_probs, self.backoffs, self.order = log_probs, backoffs, order
        self.words = [gram[0] for gram in log_probs if len(gram) == 1]

    def known(self, word):
        return word if (word,) in self.log_probs else UNKNOWN

    def look(self, context, word):
        """log10 p(word | context) and how long the longest n-gram is, by the definition of the format."""
        word, context = self.known(word), tuple(map(self.known, context))
        if BEGIN in context:  # nothing before the last <s> is seen
            context = context[len(context) - 1 - context[::-1].index(BEGIN) :]
        context = context[len(context) - min(len(context), self.order - 1) :]
        weight = 0.0
        while (*context, word) not in self.log_probs:
            weight += self.backoffs.get(context, 0.0)
            context = context[1:]
        return weight + self.log_probs[(*context, word)], len(context) + 1

    def sentence(self, words, begin=True, end=True):
        context, found = [BEGIN] if begin else [], []
        for word in [*words, *([END] if end else [])]:
            found.append(self.look(context, word))
            context = [*context, word][-self.order :]
        return found

    def arpa(self):
        lines = ["\\data\\"]
        grams = [[gram for gram in self.log_probs if len(gram) == n] for n in range(1, self.order + 1)]
        lines += [f"ngram {n}={len(of)}" for n, of in enumerate(grams, 1)]
        for n, of in enumerate(grams, 1):
            lines += ["", f"\\{n}-grams:"]
            for gram in of:
                backoff = f"\t{self.backoffs[gram]!r}" if n < self.order and gram in self.backoffs else ""
                lines.append(f"{self.log_probs[gram]!r}\t{' '.join(gram)}{backoff}")
        return "\n".join([*lines, "", "\\end\\", ""])


def drawn(seed, order, words=6, share=0.4):
    """Closed: with an n-gram, its suffix and its prefix are there. Its numbers are 32-bit floats, no distribution."""
    dice = random.Random(seed)

    def number(least, most):
        return math.ldexp(dice.randint(int(least * 1024), int(most * 1024)), -10)

    vocabulary = [UNKNOWN, BEGIN, END, *(f"w{i}" for i in range(words))]
    dice.shuffle(vocabulary)
    log_probs, below = {(word,): number(-4, 0) for word in vocabulary}, [(word,) for word in vocabulary]
    for _ in range(order - 1):
        there = set(below)
        grown = [
            (*gram, word)
            for gram in below
            for word in vocabulary
            if word != BEGIN and gram[-1] != END and (*gram[1:], word) in there and dice.random() < share
        ]
        dice.shuffle(grown)
        below = grown[: 40 * words]
        log_probs |= {gram: number(-4, 0) for gram in below}
    backoffs = {gram: number(-2, 1) for gram in log_probs if len(gram) < order and dice.random() < 0.8}
    return Plain(log_probs, backoffs, order)
