"""accelerate and restore: Ostinato's layers in the place of torch.nn's inside a model, and back."""

import logging
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, TypeVar, overload

import torch
from torch import nn
from torch.nn.utils import parametrize

from ostinato.nn.layers import LayerMixin
from ostinato.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

M = TypeVar("M", bound=nn.Module)
log = logging.getLogger("ostinato.nn")

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
    """What happened to each recurrent layer, by its name in the model ("" is the model itself); print it."""

    swapped: dict[str, str]
    """The layers that were replaced, as they print: "LSTM(10, 20)"."""
    left: dict[str, str]
    """The layers that were not, and why."""

    def __str__(self) -> str:
        lines = [f"swapped  {name or '(the model)'}: {what}" for name, what in self.swapped.items()]
        lines += [f"left     {name or '(the model)'}: {why}" for name, why in self.left.items()]
        return "\n".join(lines) or "it has no recurrent layer of torch.nn"


@overload
def accelerate(module: M, *, report: Literal[False] = False) -> M: ...
@overload
def accelerate(module: nn.Module, *, report: Literal[True]) -> Report: ...
def accelerate(module: nn.Module, *, report: bool = False) -> nn.Module | Report:
    """Makes every torch.nn RNN, LSTM and GRU in `module`, itself included, Ostinato's, in place, and returns `module`;
    with `report`, what happened to each layer, which is also logged ("ostinato.nn", at level INFO).

    The objects stay the same, and with them their parameters, hooks, mode, names and every reference to them: an
    optimizer made before goes on, a layer that stands in two places is replaced in both. Whatever is not exactly
    torch.nn's (a subclass, a parametrized, quantized or scripted layer, one whose `forward` was replaced) is left as it
    is, and so are the cells: in a single step there is nothing to gain.

    Raises TypeError where `module` is not a torch.nn.Module.
    """
    result = _swap("accelerate", module, _TWINS, _why_not_ours)
    return result if report else module


@overload
def restore(module: M, *, report: Literal[False] = False) -> M: ...
@overload
def restore(module: nn.Module, *, report: Literal[True]) -> Report: ...
def restore(module: nn.Module, *, report: bool = False) -> nn.Module | Report:
    """Undoes `accelerate`, in place, and returns `module`: every layer of ostinato.nn in it, itself included, is
    torch.nn's again. With `report` it returns what happened to each layer, which is also logged.

    Raises TypeError where `module` is not a torch.nn.Module.
    """
    result = _swap("restore", module, _BACK, _why_not_torchs)
    return result if report else module


def _swap(
    name: str,
    module: nn.Module,
    twins: dict[type[nn.Module], type[nn.Module]],
    reason_to_leave: Callable[[nn.Module], str | None],
) -> Report:
    if not isinstance(module, nn.Module):
        raise TypeError(f"{name}: a {type(module).__name__} has no layers to replace; give a torch.nn.Module.")
    report = Report({}, {})
    done: dict[nn.Module, str] = {}
    for path, layer in _places(module):
        reason = None if layer in done else reason_to_leave(layer)
        if reason is not None:
            report.left[path] = reason
        elif layer in done or type(layer) in twins:
            if layer not in done:
                # The object itself must stay: others refer to it, and its attributes mean the same to both classes.
                layer.__class__ = twins[type(layer)]
                done[layer] = _described(layer)
            report.swapped[path] = done[layer]
    log.info("%s:\n%s", name, report)
    return report


def _places(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every place of a module, by name: a module in two places comes twice, and one that contains itself ends."""
    yield "", module
    for path, parent in module.named_modules():
        for name, child in parent._modules.items():
            if child is not None:
                yield f"{path}.{name}" if path else name, child


def _described(layer: nn.Module) -> str:
    reason = layer.refuses() if isinstance(layer, LayerMixin) else None
    return f"{layer}, which torch goes on running as long as it has {reason}" if reason else f"{layer}"


def _why_not_ours(layer: nn.Module) -> str | None:
    """Why a recurrent layer cannot become Ostinato's; None where it can, and for any other module."""
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
            return f"{kind.__name__} is a subclass of torch.nn.{theirs.__name__} and may compute something else"
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
        return f"{kind.__name__} is a recurrence that torch.nn does not have"
    return None


def _why_not_torchs(layer: nn.Module) -> str | None:
    """Why an Ostinato layer or a subclass cannot become torch.nn's; None where it can, and for any other module."""
    kind = type(layer)
    if kind in _BACK or not isinstance(layer, tuple(_BACK)):
        return None
    if parametrize.is_parametrized(layer):
        return "it is parametrized; remove the parametrizations first"
    return f"{kind.__name__} is a subclass of Ostinato's"
