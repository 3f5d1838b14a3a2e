"""Ostinato's layers in the place of torch.nn's inside a model, and back."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrize

from ostinato.nn.layers import LayerMixin
from ostinato.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

_TWINS: dict[type[nn.Module], type[nn.Module]] = {
    nn.RNN: RNN,
    nn.LSTM: LSTM,
    nn.GRU: GRU,
    nn.RNNCell: RNNCell,
    nn.LSTMCell: LSTMCell,
    nn.GRUCell: GRUCell,
}
_BACK = {mine: theirs for theirs, mine in _TWINS.items()}
_CELLS = (nn.RNNCell, nn.LSTMCell, nn.GRUCell)
_NAMES = {theirs.__name__ for theirs in _TWINS}


class Report(NamedTuple):
    """What happened to each recurrent layer, by its name in the model ("" is the model itself); print it to read it."""

    swapped: dict[str, str]
    """What it is: "LSTM(10, 20)"."""
    left: dict[str, str]
    """Why it is as it was."""

    def __str__(self) -> str:
        lines = [f"swapped  {name or '(the model)'}: {what}" for name, what in self.swapped.items()]
        lines += [f"left     {name or '(the model)'}: {why}" for name, why in self.left.items()]
        return "\n".join(lines) or "no recurrent layer of torch.nn is in it"


def accelerate(module: nn.Module) -> Report:
    """Makes every torch.nn RNN, LSTM and GRU in `module`, itself included, Ostinato's, in place.

    The objects stay the same, and with them their parameters, hooks, mode, names and every reference to them: an
    optimizer made before goes on, a layer that stands in two places is swapped in both. What is not exactly torch.nn's
    (a subclass, a parametrized, quantized or scripted layer, one whose `forward` was replaced) is left as it is, and so
    are the cells: in a single step there is nothing to gain.

    Raises TypeError where `module` is no torch.nn.Module.
    """
    return _swap("accelerate", module, _TWINS, _stays)


def restore(module: nn.Module) -> Report:
    """Undoes `accelerate`, in place: every layer of ostinato.nn in `module`, itself included, is torch.nn's again.

    Raises TypeError where `module` is no torch.nn.Module.
    """
    return _swap("restore", module, _BACK, _stays_mine)


def _swap(
    name: str,
    module: nn.Module,
    twins: dict[type[nn.Module], type[nn.Module]],
    stays: Callable[[nn.Module], str | None],
) -> Report:
    if not isinstance(module, nn.Module):
        raise TypeError(f"{name}: a {type(module).__name__} has no layers to swap; give a torch.nn.Module.")
    report = Report({}, {})
    done: dict[nn.Module, str] = {}
    for path, layer in _places(module):
        why = None if layer in done else stays(layer)
        if why is not None:
            report.left[path] = why
        elif layer in done or type(layer) in twins:
            if layer not in done:
                # The object itself must stay: others refer to it, and its attributes mean the same to both classes.
                layer.__class__ = twins[type(layer)]
                done[layer] = _described(layer)
            report.swapped[path] = done[layer]
    return report


def _places(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every place where a module stands, by name: one that stands in two comes twice, a ring is walked once."""
    yield "", module
    for path, parent in module.named_modules():
        for name, child in parent._modules.items():
            if child is not None:
                yield f"{path}.{name}" if path else name, child


def _described(layer: nn.Module) -> str:
    reason = layer.refuses() if isinstance(layer, LayerMixin) else None
    return f"{layer}, which torch goes on running as long as it has {reason}" if reason else f"{layer}"


def _stays(layer: nn.Module) -> str | None:
    """Why a recurrent layer cannot become ours; None where it can, and for what is no recurrent layer."""
    kind = type(layer)
    if kind in _BACK:
        return "it is Ostinato's already"
    if kind in _CELLS:
        return f"torch's own single step is faster; ostinato.nn.{kind.__name__} gives bits that no batch changes"
    if kind in _TWINS:
        return "its forward was replaced by another" if "forward" in vars(layer) else None
    if parametrize.is_parametrized(layer) and isinstance(layer, tuple(_TWINS)):
        return "it is parametrized; accelerate the model first, then parametrize it"
    if isinstance(layer, torch.jit.ScriptModule):
        return "it is compiled by TorchScript" if layer.original_name in _NAMES else None
    if kind.__module__.startswith("torch.ao."):  # named, not imported: that takes long
        return "it is quantized" if kind.__name__ in _NAMES else None
    for theirs in _TWINS:
        if isinstance(layer, theirs):
            return f"{kind.__name__} is a subclass of torch.nn.{theirs.__name__}, with ways of its own"
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
        return f"{kind.__name__} is a recurrence that torch.nn does not have"
    return None


def _stays_mine(layer: nn.Module) -> str | None:
    """Why a layer of ours, or a subclass of one, cannot become torch.nn's; None where it can, and for what is not."""
    kind = type(layer)
    if kind in _BACK or not isinstance(layer, tuple(_BACK)):
        return None
    if parametrize.is_parametrized(layer):
        return "it is parametrized; remove the parametrizations first"
    return f"{kind.__name__} is a subclass of Ostinato's"
