"""What torch.jit.script is given in the place of our layers: it compiles a forward's source, and torch's own it can."""

import copy

from torch import nn


class Scriptable(nn.Module):
    """To be mixed into a class of torch.nn."""

    def __prepare_scriptable__(self) -> nn.Module:
        """torch's own layer with these parameters. Scripting a model puts it into the model, in place of this one."""
        theirs = copy.copy(self)
        theirs.__class__ = next(kind for kind in type(self).__mro__ if kind.__module__.startswith("torch.nn.modules."))
        return theirs
