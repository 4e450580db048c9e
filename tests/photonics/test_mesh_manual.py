"""The examples of docs/how-to/meshes.md run as they stand."""

import re
from pathlib import Path

from photonzero.photonics.mesh import MeshTopology, expected_fidelity

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "meshes.md"


def test_the_examples_run_and_print_what_the_page_says(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 3
    scope: dict = {}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), scope)
    one_die, calibrated, mean_of_population = (float(line) for line in capsys.readouterr().out.split())
    assert one_die < 0.9 < calibrated < 1.0
    # "near expected_fidelity(mesh, 0.01)": 64 settings know their mean to a few per cent of the loss.
    assert abs(mean_of_population - expected_fidelity(scope["mesh"], 0.01)) < 1e-3
    assert isinstance(scope["diamond"], MeshTopology)
    assert scope["out"].shape == (8, 3)
