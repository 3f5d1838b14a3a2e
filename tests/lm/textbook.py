"""Every smoothing by its definition: dictionaries of counts and the equations, as slow as they are plain.

The compiled estimation is held to these. Equations: Chen and Goodman, "An empirical study of smoothing techniques for
language modeling" (TR-10-98, 1998), section 2 and 3.7, unless another source is named.
"""

import math
from collections import Counter

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"


class Text:
    """Counts of the n-grams of sentences, each up to `order` words, and what may come next."""

    def __init__(self, sentences, order, words=None):
        self.order = order
        self.counts = Counter()
        known = list(words) if words is not None else list(dict.fromkeys(w for s in sentences for w in s))
        self.vocabulary = [UNKNOWN, END, *(w for w in known if w != UNKNOWN)]
        # In order of their numbers: the three that every model has, then as they come.
        self.number = {w: i for i, w in enumerate([UNKNOWN, BEGIN, END, *self.vocabulary[2:]])}
        for sentence in sentences:
            row = [BEGIN, *(w if w in self.number else UNKNOWN for w in sentence), END]
            for end in range(len(row)):
                for n in range(1, min(order, end + 1) + 1):
                    self.counts[tuple(row[end + 1 - n : end + 1])] += 1
        self.longest = max(map(len, self.counts))
        self.followers, self.precursors, self._of_counts = {}, Counter(), {}
        for gram in self.counts:
            if gram != (BEGIN,):
                self.followers.setdefault(gram[:-1], []).append(gram[-1])
            self.precursors[gram[1:]] += 1

    def adjusted(self, gram):
        """Kneser and Ney's count: of words before, but of occurrences at the highest order and after <s>."""
        whole = len(gram) == min(self.order, self.longest) or gram[0] == BEGIN
        return self.counts[gram] if whole else self.precursors[gram]

    def seen(self, gram):
        return self.counts[gram]

    def of_counts(self, n, count):
        """How many n-grams have each count. For adjusted counts the last n-gram, seen from its last word back, enters
        with its plain count, as in KenLM."""
        if (n, count) in self._of_counts:
            return self._of_counts[n, count]
        grams = [g for g in self.counts if len(g) == n and g != (BEGIN,)]
        result = Counter(count(g) for g in grams)
        if count == self.adjusted:
            last = max(self.counts, key=lambda g: [self.number[w] for w in reversed(g)])
            if n <= len(last):
                result[self.adjusted(last[-n:])] -= 1
                result[self.counts[last[-n:]]] += 1
        self._of_counts[n, count] = result
        return result

    def context(self, words):
        """The last words that count."""
        return tuple(words)[max(0, len(words) - (min(self.order, self.longest) - 1)) :]


class Interpolated:
    """p(w|c) = (max(a − D(a), 0) + left(c) p(w|c')) / total(c); `interpolate_unigrams` false: all that the unigrams
    leave is for the words without a count."""

    def __init__(self, text, count, interpolate_unigrams=True):
        self.text, self.count, self.interpolate_unigrams = text, count, interpolate_unigrams
        self.memory = {}

    def lowest(self, word):
        text = self.text
        if self.interpolate_unigrams:
            return 1 / len(text.vocabulary)
        without = [w for w in text.vocabulary if w == UNKNOWN or self.count((w,)) == 0]
        return (word in without) / len(without)

    def p(self, word, context):
        key = (word, context)
        if key not in self.memory:
            self.memory[key] = self.compute(word, context)
        return self.memory[key]

    def compute(self, word, context):
        counts = [self.count((*context, w)) for w in self.text.followers.get(context, ())]
        lower = self.p(word, context[1:]) if context else self.lowest(word)
        if not counts:
            return lower
        mine = self.count((*context, word)) if word in self.text.followers[context] else 0
        return self.mix(len(context) + 1, mine, counts, lower)


class Discounted(Interpolated):
    """Absolute discounts: `discount(n, a)` off a count a of an n-gram (equations 21, 25 and 26)."""

    def __init__(self, text, count, discount, **options):
        super().__init__(text, count, **options)
        self.discount = discount

    def mix(self, n, mine, counts, lower):
        left = sum(self.discount(n, a) for a in counts)
        return (mine - self.discount(n, mine) * (mine > 0) + left * lower) / sum(counts)


def one_discount(text, count):
    def discount(n, a):
        of = text.of_counts(n, count)
        return of[1] / (of[1] + 2 * of[2]) if of[1] and of[2] else 0.5

    return discount


def three_discounts(text):
    def discount(n, a):
        of = text.of_counts(n, text.adjusted)
        d = []
        if all(of[j] for j in (1, 2, 3)):
            y = of[1] / (of[1] + 2 * of[2])
            d = [j - (j + 1) * y * of[j + 1] / of[j] for j in (1, 2, 3)]
        if not d or not all(0 < d[j] <= j + 1 for j in range(3)):
            d = [0.5, 1, 1.5]  # KenLM's --discount_fallback
        return d[min(a, 3) - 1]

    return discount


class WittenBell(Interpolated):
    """Equation 17 in the form of Witten and Bell: (C(cw) + N₁₊(c •) p(w|c')) / (C(c) + N₁₊(c •))."""

    def mix(self, n, mine, counts, lower):
        return (mine + len(counts) * lower) / (sum(counts) + len(counts))


class JelinekMercer(Interpolated):
    """Equation 12; weights by order and ⌊log₂ C(c)⌋."""

    def __init__(self, text, weights, **options):
        super().__init__(text, text.seen, **options)
        self.weights = weights

    def mix(self, n, mine, counts, lower):
        row = self.weights[min(n, len(self.weights)) - 1]
        weight = row[min(int(math.log2(sum(counts))), len(row) - 1)]
        return weight * mine / sum(counts) + (1 - weight) * lower


def fitted(text, held_out, order, buckets):
    """Weights by expectation and maximization over held-out sentences; one half, at most 0.999."""
    model = JelinekMercer(text, [[0.5] * buckets for _ in range(order)])
    tokens = []
    for sentence in held_out:
        row = [BEGIN, *(w if w in text.number else UNKNOWN for w in sentence), END]
        tokens += [(row[i], tuple(row[max(0, i - order + 1) : i])) for i in range(1, len(row))]
    for _ in range(150):
        stopped = [[0.0] * buckets for _ in range(order)]
        reached = [[0.0] * buckets for _ in range(order)]
        for word, context in tokens:
            reach = 1.0
            for start in range(len(context) + 1):
                c = context[start:]
                total = sum(text.counts[(*c, w)] for w in text.followers.get(c, ()))
                if total:
                    bucket = min(int(math.log2(total)), buckets - 1)
                    share = model.weights[len(c)][bucket] * text.counts[(*c, word)] / total
                    stop = reach * share / model.p(word, c)
                    stopped[len(c)][bucket] += stop
                    reached[len(c)][bucket] += reach
                    reach -= stop
        for n in range(order):
            for b in range(buckets):
                if reached[n][b]:
                    model.weights[n][b] = min(stopped[n][b] / reached[n][b], 0.999)
        model.memory.clear()
    return model.weights


class Additive:
    """Equation 2; contexts that are not whole know nothing."""

    def __init__(self, text, gamma):
        self.text, self.gamma = text, gamma

    def p(self, word, context):
        text, size = self.text, len(self.text.vocabulary)
        if len(context) < min(text.order, text.longest) - 1 and context[:1] != (BEGIN,):
            return 1 / size
        total = sum(text.counts[(*context, w)] for w in text.followers.get(context, ()))
        return (text.counts[(*context, word)] + self.gamma) / (total + self.gamma * size)


class Katz:
    """Equations 13 to 15; absolute discounts where Good and Turing's do not exist; a total one larger where nothing
    would be left (Doug Paul); no discounts where there is nobody to leave anything to."""

    def __init__(self, text, k):
        self.text, self.k, self.memory = text, k, {}

    def ratio(self, n, r):
        of, k = self.text.of_counts(n, self.text.seen), self.k
        if r > k:
            return 1
        if all(of[i] for i in range(1, k + 2)) and (k + 1) * of[k + 1] < of[1]:
            beyond = (k + 1) * of[k + 1] / of[1]
            d = [((i + 1) * of[i + 1] / of[i] / i - beyond) / (1 - beyond) for i in range(1, k + 1)]
            if all(0 < each < 1 for each in d):
                return d[r - 1]
        discount = of[1] / (of[1] + 2 * of[2]) if of[1] and of[2] else 0.5
        return (r - discount) / r

    def p(self, word, context):
        if (word, context) not in self.memory:
            self.memory[word, context] = self.compute(word, context)
        return self.memory[word, context]

    def compute(self, word, context):
        text, n = self.text, len(context) + 1
        lower = (lambda w: self.p(w, context[1:])) if context else (lambda w: 1 / len(text.vocabulary))
        seen = text.followers.get(context, ())
        if not seen:
            return lower(word)
        counts = {w: text.counts[(*context, w)] for w in seen}
        total = sum(counts.values())
        if len(counts) == len(text.vocabulary):
            return counts[word] / total
        shares = {w: self.ratio(n, r) * r for w, r in counts.items()}
        if total - sum(shares.values()) < 1e-9 * total:
            total += 1
        if word in counts:
            return shares[word] / total
        return (1 - sum(shares.values()) / total) / (1 - sum(map(lower, counts))) * lower(word)


class StupidBackoff:
    """Brants et al. (2007), equation 5; a context that was never seen costs nothing."""

    def __init__(self, text, alpha):
        self.text, self.alpha = text, alpha

    def p(self, word, context):
        total = sum(self.text.counts[(*context, w)] for w in self.text.followers.get(context, ()))
        if total and self.text.counts[(*context, word)]:
            return self.text.counts[(*context, word)] / total
        if not context:
            return 0
        return (self.alpha if total else 1) * self.p(word, context[1:])


def defined(name, text, options):
    """The definition of a registered smoothing."""
    plain = {"interpolate_unigrams": options.get("interpolate_unigrams", True)}
    given = options.get("discount")
    constant = (lambda n, a: given) if given else None
    if name == "modified_kneser_ney":
        return Discounted(text, text.adjusted, three_discounts(text), **plain)
    if name == "kneser_ney":
        return Discounted(text, text.adjusted, constant or one_discount(text, text.adjusted), **plain)
    if name == "absolute":
        return Discounted(text, text.seen, constant or one_discount(text, text.seen), **plain)
    if name == "witten_bell":
        return WittenBell(text, text.seen, **plain)
    if name == "jelinek_mercer":
        return JelinekMercer(text, [[each] for each in options["weights"]], **plain)
    if name == "additive":
        return Additive(text, options.get("gamma", 1))
    if name == "katz":
        return Katz(text, options.get("k", 5))
    if name in ("stupid_backoff", "maximum_likelihood"):
        return StupidBackoff(text, options.get("alpha", 0.4) if name == "stupid_backoff" else 0)
    raise KeyError(name)


class Backoff:
    """What the n-grams in order say: log10 p by a back-off model's own definition (csrc/ngram/grams.hpp)."""

    def __init__(self, grams):
        self.order, self.words = grams.order, grams.vocabulary
        self.log_probs, self.backoffs = {}, {}
        for n in range(1, grams.order + 1):
            words, log_probs, backoffs = grams.read(n)
            named = [tuple(self.words[i] for i in row) for row in words.tolist()]
            self.log_probs.update(zip(named, log_probs.tolist(), strict=True))
            self.backoffs.update(zip(named, backoffs.tolist(), strict=n < grams.order))

    def log_prob(self, word, context):
        context = tuple(context)[max(0, len(context) - self.order + 1) :]
        weight = 0.0
        while (*context, word) not in self.log_probs:
            weight, context = weight + self.backoffs.get(context, 0.0), context[1:]
        return weight + self.log_probs[(*context, word)]

    def check_order_and_closure(self, grams):
        """Suffix order, no n-gram twice, prefixes and suffixes there, every word a unigram."""
        assert grams.read(1)[0].ravel().tolist() == list(range(len(self.words)))
        for n in range(1, grams.order + 1):
            rows = [tuple(reversed(row)) for row in grams.read(n)[0].tolist()]
            assert rows == sorted(set(rows))
            assert len(rows) == grams.count(n)
        for gram in self.log_probs:
            assert len(gram) == 1 or {gram[1:], gram[:-1]} <= self.log_probs.keys()
