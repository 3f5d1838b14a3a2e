"""Beam search over prompts on an LSTM language model: a torch loop over all rows, and `ostinato.decode.beam`.

    python bench/beam_search.py --threads 1

The torch loop is the usual one, vectorised: nn.Embedding, nn.LSTM and nn.Linear over all B·k rows at every step, one
`topk` over each row's k·V continuations, until the last row is decided. Both have the same weights and the same stop
rule; `same_hypotheses` is how often they find the same, for rounding may decide between two that are nearly as good.
Times are medians of pairs run in turn; the ratio is the median of the pairs'.

The model learns lines of Python's language reference for a little while, so that some lines end early and some late,
as real ones do; with `--updates 0` its weights are random, `</s>` hardly ever comes, and every row runs to the limit.
"""

import argparse
import json
import platform
import statistics
import time
from pydoc_data.topics import topics

import torch
from torch import Tensor, nn

from ostinato.cells import LSTM
from ostinato.decode import Hypothesis, beam
from ostinato.layers import Embedding, Recurrent, Stack
from ostinato.models import Language
from ostinato.padded import Padded

EOS = 0


class Peer(nn.Module):
    """The same weights in torch's own modules."""

    def __init__(self, model: Language, layers: int):
        super().__init__()
        cells = [layer.cell for layer in model.body.layers]
        hidden = cells[0].hidden
        self.embedding = nn.Embedding.from_pretrained(model.embedding.weight.detach())
        self.lstm = nn.LSTM(cells[0].inputs, hidden, layers, batch_first=True)
        for i, cell in enumerate(cells):
            getattr(self.lstm, f"weight_ih_l{i}").data.copy_(cell.input.weight)
            getattr(self.lstm, f"bias_ih_l{i}").data.copy_(cell.input.bias)
            getattr(self.lstm, f"weight_hh_l{i}").data.copy_(cell.recurrent.weight)
            getattr(self.lstm, f"bias_hh_l{i}").data.zero_()
        self.head = nn.Linear(hidden, model.size)
        self.head.weight.data.copy_(model.head.weight)
        self.head.bias.data.copy_(model.head.bias)

    @torch.no_grad()
    def beam(self, prompt: Tensor, width: int, max_length: int) -> list[Hypothesis]:
        """The best hypothesis of each row."""
        rows, size = len(prompt), self.head.out_features
        started = torch.cat([torch.full((rows, 1), EOS), prompt], dim=1)
        out, (h, c) = self.lstm(self.embedding(started))
        out = out[:, -1:].repeat_interleave(width, dim=0)
        h, c = h.repeat_interleave(width, dim=1), c.repeat_interleave(width, dim=1)
        total = torch.full((rows, width), -torch.inf, dtype=torch.float64)
        total[:, 0] = 0
        tokens = torch.zeros(rows, width, max_length, dtype=torch.int64)
        best = torch.full((rows,), -torch.inf, dtype=torch.float64)
        best_tokens = torch.zeros(rows, max_length, dtype=torch.int64)
        best_length = torch.zeros(rows, dtype=torch.int64)
        first = torch.arange(rows).unsqueeze(1) * width
        every = torch.arange(rows)
        for t in range(max_length):
            log_probs = self.head(out[:, 0]).log_softmax(dim=-1).view(rows, width, size)
            values, places = (total.float().unsqueeze(2) + log_probs).view(rows, -1).topk(width)
            parents, chosen = places // size, places % size
            gained = log_probs.view(rows, -1).gather(1, places).double()
            values = total.gather(1, parents) + gained
            tokens = tokens.gather(1, parents.unsqueeze(2).expand(-1, -1, max_length))
            tokens[:, :, t] = chosen
            ended = chosen == EOS
            closed, which = values.masked_fill(~ended, -torch.inf).max(dim=1)
            better = closed > best
            best = torch.where(better, closed, best)
            best_tokens = torch.where(better.unsqueeze(1), tokens[every, which], best_tokens)
            best_length = torch.where(better, t, best_length)
            total = values.masked_fill(ended, -torch.inf)
            if bool((best >= total.amax(dim=1)).all()) or t + 1 == max_length:
                break
            index = (first + parents).view(-1)
            out, (h, c) = self.lstm(self.embedding(chosen.view(-1, 1)), (h[:, index], c[:, index]))
        left, which = total.max(dim=1)
        found = []
        for row in range(rows):
            if best[row] >= left[row]:
                said, log_prob = best_tokens[row, : best_length[row]].tolist(), float(best[row])
                found.append(Hypothesis(said, log_prob, True, log_prob))
            else:
                log_prob = float(left[row])
                found.append(Hypothesis(tokens[row, which[row], : t + 1].tolist(), log_prob, False, log_prob))
        return found


def lines() -> tuple[list[Tensor], int]:
    """The lines of the reference as ids, and how many ids there are; 0 closes a line."""
    text = [line.strip() for name in sorted(topics) for line in topics[name].splitlines()]
    text = [line for line in text if 20 <= len(line) <= 90]
    known = {character: i for i, character in enumerate(sorted(set("".join(text))), 1)}
    return [torch.tensor([known[character] for character in line]) for line in text], len(known) + 1


def learn(model: Language, rows: list[Tensor], updates: int, generator: torch.Generator) -> None:
    """Teach it to write such lines."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    closed = torch.tensor([EOS])
    for _ in range(updates):
        chosen = torch.randint(0, len(rows), (32,), generator=generator).tolist()
        inputs = Padded.of([torch.cat([closed, rows[i]]) for i in chosen])
        targets = Padded.of([torch.cat([rows[i], closed]) for i in chosen])
        loss, _ = model.loss(inputs, targets)
        optimizer.zero_grad()
        (loss / targets.lengths.sum()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def main() -> None:
    """Print what was found as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--width", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--size", type=int, default=0, help="vocabulary, if larger than the characters'")
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--max-length", type=int, default=80)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    rows, size = lines()
    size = max(size, options.size)
    widths = [64] + [options.hidden] * options.layers
    body = Stack([Recurrent(LSTM(options.hidden, inputs=width)) for width in widths[:-1]])
    model = Language(Embedding(64, inputs=size), body, eos=EOS)
    generator = torch.Generator().manual_seed(options.seed)
    learn(model, rows, options.updates, generator)
    model.eval()
    peer = Peer(model, options.layers).eval()
    chosen = torch.randint(0, len(rows), (options.rows,), generator=generator).tolist()
    prompt = torch.stack([rows[i][:10] for i in chosen])

    def ours() -> list[Hypothesis]:
        found = beam(model, options.width, options.rows, max_length=options.max_length, prompt=Padded.full(prompt))
        return [each[0] for each in found]

    def theirs() -> list[Hypothesis]:
        return peer.beam(prompt, options.width, options.max_length)

    alike = [one.tokens == other.tokens for one, other in zip(ours(), theirs())]
    seconds: dict[str, list[float]] = {"torch": [], "ostinato": []}
    for _ in range(options.pairs):
        for name, search in (("torch", theirs), ("ostinato", ours)):
            start = time.perf_counter()
            search()
            seconds[name].append(time.perf_counter() - start)
    lengths = sorted(len(each.tokens) for each in ours())
    ratios = [theirs / ours for theirs, ours in zip(seconds["torch"], seconds["ostinato"])]
    print(
        json.dumps(
            {
                **vars(options),
                "size": size,
                "machine": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
                "same_hypotheses": sum(alike) / len(alike),
                "tokens": {"shortest": lengths[0], "median": statistics.median(lengths), "longest": lengths[-1]},
                "milliseconds": {name: round(statistics.median(each) * 1e3, 1) for name, each in seconds.items()},
                "ratios": [round(each, 2) for each in ratios],
                "ratio": round(statistics.median(ratios), 2),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
