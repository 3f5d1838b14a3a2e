"""Every registered task meets the laws of tasks."""

import pytest

from ostinato.tasks import tasks
from ostinato.testing.tasks import LAWS, case


@pytest.mark.parametrize("name", tasks.names())
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law, name, tmp_path):
    law(case(name, tmp_path))
