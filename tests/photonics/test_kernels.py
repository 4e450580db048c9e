"""Every kernel: compiled, as plain Python, and where one line says what it computes, against that line.

All kernels are found by themselves: one without a case below fails.
"""

import copy
import pkgutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numba
import numpy as np
import pytest
from scipy.stats import unitary_group

import photonzero.photonics
from photonzero.photonics.kernels import contraction, jit
from photonzero.photonics.kernels.jit import COMPILED
from photonzero.photonics.kernels.mesh_rows import TILE
from photonzero.photonics.mesh import MeshImperfections, MeshPhases, mesh
from photonzero.photonics.mesh.imperfections import cell_constants
from photonzero.photonics.mesh.orthogonal import rotation_cells
from photonzero.photonics.mesh.reference import build_by_embedding
from photonzero.photonics.mesh.schedule import mesh_schedule
from photonzero.photonics.mesh.transfer import _scratch

for module in pkgutil.walk_packages(photonzero.photonics.__path__, "photonzero.photonics."):
    import_module(module.name)

KERNELS = {}
for made in COMPILED:
    short = made.py_func.__module__.rpartition(".")[2] + "." + made.py_func.__name__
    KERNELS.setdefault(short, []).append(made)

CASES = {}


@dataclass
class Case:
    """Arguments of a kernel; `expected(*arguments)` is its answer, or {place: array} of what it wrote."""

    arguments: tuple
    expected: object = None


def case(name):
    def keep(make):
        CASES[name] = make
        return make

    return keep


RNG = np.random.default_rng(20)


def normal(*shape):
    return RNG.standard_normal(shape)


# Noise.


@case("normals.mix64")
def _():
    def splitmix(x):
        mask = (1 << 64) - 1
        x = (int(x) + 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    return Case((np.uint64(12345678901234567),), splitmix)


def lowbias32(x):
    x = int(x)
    x ^= x >> 16
    x = (x * 0x7FEB352D) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)


@case("normals._lowbias32")
def _():
    return Case((np.uint32(123456789),), lowbias32)


@case("normals._hash32")
def _():
    def expected(counter, low, high):
        return lowbias32((lowbias32(int(counter) ^ int(low)) + int(high)) & 0xFFFFFFFF)

    return Case((np.uint32(5), np.uint32(77), np.uint32(991)), expected)


@case("normals.add_normals")
def _():
    return Case((normal(15), 3, 5, 0.3, np.uint64(9)))


# Networks.

LEFT, ROWS, COLUMNS, RUN = 2, 5, 11, 3


def contracted(w, src, dst, n_left, rows, columns, run):
    x = src[: n_left * columns * run].reshape(n_left, columns, run)
    out = np.einsum("rq,lqs->lrs", w.reshape(rows, columns), x)
    return {2: np.concatenate([out.ravel(), dst[out.size :]])}


def contraction_arguments(rows=ROWS, columns=COLUMNS):
    src, dst = normal(LEFT * columns * RUN), normal(LEFT * rows * RUN)
    return normal(rows * columns), src, dst, LEFT, rows, columns, RUN


@case("contraction._rows4")
def _():
    return Case((*contraction_arguments(4), 0), lambda *a: contracted(*a[:-1]))


@case("contraction._row1")
def _():
    return Case((*contraction_arguments(1), 0), lambda *a: contracted(*a[:-1]))


@case("contraction.contract_stage")
def _():
    return Case(contraction_arguments(), contracted)


@case("contraction._contract_first")
def _():
    return Case(
        (normal(64), normal(2 * 8 * 4), normal(2 * 8 * 4), 2, 8, 4),
        lambda w, src, dst, n_left, rows, width: contracted(w, src, dst, n_left, rows, 8, width),
    )


@case("contraction._activate")
def _():
    def expected(h, bias, n, width, activation):
        x = h.reshape(n, width) + bias[:, None]
        inner = 0.7978845608028654 * (x + 0.044715 * x**3)
        return {0: (0.5 * x * (1 + np.tanh(inner))).ravel()}

    return Case((normal(12), normal(3), 3, 4, contraction.GELU), expected)


def detect_row(**columns):
    row = np.zeros(contraction.N_DETECT)
    for name, value in columns.items():
        row[getattr(contraction, name)] = value
    return row


@case("contraction._detect_light")
def _():
    row = detect_row(DETECT_STD=0.1, DETECT_SIGNAL=0.2, DETECT_COMMON=0.05)
    return Case((normal(12), normal(12), 3, 4, row, np.uint64(3)))


@case("contraction._convert")
def _():
    def expected(h, n, step, shift, codes):
        return {0: np.clip(np.rint(h / step), -codes, codes - 1) * step}

    return Case((3 * normal(20), 20, 0.25, 0.0, 8.0), expected)


@case("contraction._expand_tile")
def _():
    n, offsets, width = 2, 3, 8
    centers, columns = normal(4, n), normal(n, offsets)
    cyclic = columns[:, np.arange(offsets + width) % offsets]

    def expected(center_part, offset_part, h, n, n_offsets, start, width):
        points = start + np.arange(width)
        centre = np.minimum(points // n_offsets, 3)
        return {2: (center_part[centre].T + columns[:, points % n_offsets]).ravel()}

    return Case((centers, cyclic, np.zeros(n * width), n, offsets, 4, width), expected)


@case("contraction.run_stage")
def _():
    stage = np.array([LEFT, ROWS, COLUMNS, 1, 0])
    w, src, dst = contraction_arguments()[:3]
    return Case((stage, w, src, dst, RUN), lambda stage, w, src, dst, width: {
        3: contracted(w, src, dst, LEFT, ROWS, COLUMNS, width)[2]
    })  # fmt: skip


LAYER = np.array([0, 2, 8, 6, contraction.TANH, 0])
STAGES = np.array([[1, 4, 4, 2, 0], [2, 3, 4, 1, 16]])
CORES = normal(28)
BIAS = normal(6)


def network(points):
    """Core by core, for a layer of two cores: (1, 4 x 4, 2) and then (2, 3 x 4, 1)."""
    h = np.einsum("rq,pqm->prm", CORES[:16].reshape(4, 4), points.reshape(-1, 4, 2)).reshape(-1, 2, 4)
    return np.tanh(np.einsum("rq,plq->plr", CORES[16:].reshape(3, 4), h).reshape(-1, 6) + BIAS)


@case("contraction.finish_layer")
def _():
    row = detect_row(ADC_STEP=0.125, ADC_CODES=64)

    def expected(layer, biases, d, key, h, spare, width):
        read = np.rint(h / 0.125) * 0.125
        return {4: np.tanh(read.reshape(6, 4) + biases[:, None]).ravel()}

    return Case((LAYER, BIAS, row, np.uint64(1), normal(24), np.zeros(24), 4), expected)


@case("contraction.buffer_rows")
def _():
    return Case((LAYER[None], STAGES), lambda *_: 8)


@case("contraction.run_network")
def _():
    points, detect = normal(5, 8), np.zeros((1, contraction.N_DETECT))
    arguments = (LAYER[None], STAGES, CORES, BIAS, detect, np.uint64(0), 0, points, np.zeros((1, 1)))
    return Case((*arguments, np.zeros((5, 6))), lambda *a: {9: network(a[7])})


@case("population.run_population")
def _():
    points, detect = normal(5, 8), np.zeros((1, contraction.N_DETECT))
    weights, biases = np.stack([CORES] * 3), np.stack([BIAS, BIAS, BIAS])
    # The second setting differs in nothing, the third in its last core.
    weights[0, :16] *= 2.0
    weights[2, 16:] *= 0.5
    first = np.array([0, 3, 1])

    def expected(*a):
        h = points.reshape(-1, 4, 2)
        out = []
        for w in weights:
            x = np.einsum("rq,pqm->prm", w[:16].reshape(4, 4), h).reshape(-1, 2, 4)
            out.append(np.tanh(np.einsum("rq,plq->plr", w[16:].reshape(3, 4), x).reshape(-1, 6) + BIAS))
        return {10: np.stack(out)}

    keys = np.zeros(3, np.uint64)
    arguments = (LAYER[None], STAGES, CORES, BIAS, weights, biases, detect, keys, first, points)
    return Case((*arguments, np.zeros((3, 5, 6))), expected)


# Complex meshes.

MESH = mesh("symmetric", 5)
PHASES = MeshPhases.uniform(MESH, np.random.default_rng(1))
ERRORS = MeshImperfections(
    coupler_in_error_rad=0.1 * normal(MESH.n_mzi), cell_loss_db=0.3, theta_loss_db=0.2, edge_loss_db=0.1
)


def crossing(segment_layers=2):
    """What `run_settings` takes for one setting of an imperfect mesh, in several segments."""
    constants = cell_constants(MESH, ERRORS)
    program = mesh_schedule(MESH, segment_layers)
    rim_rad = np.concatenate([PHASES.out_phase_rad, PHASES.edge_phase_rad])
    scratch = copy.deepcopy(_scratch(program, 5, rim_rad.size, np.float64))
    return program, constants, rim_rad, scratch


def coefficient_arguments():
    program, constants, rim_rad, (trig, work, rim, tile) = crossing()
    rim[0], rim[1] = np.sin(rim_rad) * constants.rim_amplitude, np.cos(rim_rad) * constants.rim_amplitude
    for array in (*trig, *work, tile):
        array[...] = 0
    return (program.arrays, True, constants.mixing, PHASES.theta_rad, PHASES.phi_rad, rim, trig, work), tile


@case("mesh_transfer.sincos")
def _():
    angles = 40 * normal(20)
    return Case(
        (angles, np.zeros(20), np.zeros(20)), lambda x, *_: {0: x, 1: np.sin(angles), 2: np.cos(angles)}
    )


@case("mesh_transfer.coefficients")
def _():
    return Case(coefficient_arguments()[0])


def filled():
    from photonzero.photonics.kernels.mesh_transfer import coefficients

    arguments, tile = coefficient_arguments()
    coefficients(*arguments)
    tile[:, :TILE][:, :5] = np.eye(5)
    return arguments[0], arguments[-1], tile


@case("mesh_transfer.cross")
def _():
    program, work, tile = filled()
    return Case((program, work, 0, 5, tile))


@case("mesh_transfer.hand_out")
def _():
    _, work, tile = filled()
    return Case((work, tile, 0, 5, np.zeros((5, 10))))


@case("mesh_transfer.run_settings")
def _():
    program, constants, rim_rad, scratch = crossing()
    for array in (*scratch[0], *scratch[1], scratch[2], scratch[3]):
        array[...] = 0
    arguments = (program.arrays, True, constants.mixing, PHASES.theta_rad[None], PHASES.phi_rad[None])
    rest = (rim_rad[None], constants.rim_amplitude, np.zeros((0, 5, 0)), scratch, np.zeros((1, 5, 10)))
    built = build_by_embedding(MESH, *PHASES, imperfections=ERRORS).view(np.float64)[None]
    return Case((*arguments, *rest), lambda *_: {9: built})


# Nulling: K = [[e^{i phi} s, c], [e^{i phi} c, -s]].


def rotation(n, theta, phi, row):
    k = np.eye(n, dtype=complex)
    s, c = np.sin(theta / 2), np.cos(theta / 2)
    k[row : row + 2, row : row + 2] = [[np.exp(1j * phi) * s, c], [np.exp(1j * phi) * c, -s]]
    return k


def product(topology, theta, phi, diagonal):
    built = np.eye(topology.n_modes, dtype=complex)
    for k, row in enumerate(topology.row):
        built = rotation(topology.n_modes, theta[k], phi[k], row) @ built
    return np.diag(diagonal) @ built


def angles(n):
    theta, phi = RNG.uniform(0, 3, (2, n))
    return np.sin(theta / 2), np.cos(theta / 2), np.cos(phi), -np.sin(phi), theta, phi


@case("mesh_nulling.sides")
def _():
    def expected(ur, ui, vr, vi):
        u, v = complex(ur, ui), complex(vr, vi)
        turn = np.exp(1j * (np.angle(u) - np.angle(v)))
        radius = np.hypot(abs(u), abs(v))
        return abs(u) / radius, abs(v) / radius, turn.real, turn.imag

    return Case((0.3, -0.4, 1.2, 0.5), expected)


def swept(order):
    def expected(re, im, *rest):
        cells, (s, c, tr, ti) = rest[-5], rest[-4:]
        row = re + 1j * im
        for j in range(cells):
            m = order(j, rest)
            turned = (tr[j] + 1j * ti[j]) * row[m]
            row[m], row[m + 1] = s[j] * turned + c[j] * row[m + 1], c[j] * turned - s[j] * row[m + 1]
        return {0: row.real, 1: row.imag}

    return expected


@case("mesh_nulling.sweep_row")
def _():
    return Case((normal(5), normal(5), 3, 3, *angles(3)[:4]), swept(lambda j, rest: rest[0] - j))


@case("mesh_nulling.sweep_up")
def _():
    return Case((normal(5), normal(5), 3, *angles(3)[:4]), swept(lambda j, rest: j))


@case("mesh_nulling.sweep_right")
def _():
    u = unitary_group.rvs(5, random_state=3)
    return Case((u.real.copy(), u.imag.copy(), 0, 1, 4, *np.zeros((4, 5))))


@case("mesh_nulling.mix_rows")
def _():
    s, c, tr, ti = (part[0] for part in angles(1)[:4])

    def expected(ar, ai, br, bi, start, s, c, tr, ti):
        a, b, turn = ar + 1j * ai, br + 1j * bi, tr + 1j * ti
        upper, lower = s * turn * a + c * b, c * turn * a - s * b
        upper[:start], lower[:start] = a[:start], b[:start]
        return {0: upper.real, 1: upper.imag, 2: lower.real, 3: lower.imag}

    return Case((*normal(4, 6), 2, s, c, tr, ti), expected)


@case("mesh_nulling.unit_diagonal")
def _():
    re, im = normal(2, 4, 4)
    phase = np.exp(1j * np.angle(np.diag(re) + 1j * np.diag(im)))
    return Case((re, im, np.zeros(4, complex)), lambda *_: {2: phase})


def nulling(name):
    topology = mesh(name, 5)
    u = unitary_group.rvs(5, random_state=4)
    blank = np.zeros((2, topology.n_mzi))
    arguments = (u.real.copy(), u.imag.copy(), topology.layer_starts, *blank, np.zeros(5, complex))

    def holds(re, im, first, theta, phi, diagonal):
        np.testing.assert_allclose(product(topology, theta, phi, diagonal), u, rtol=0, atol=1e-13)

    return Case(arguments, holds)


@case("mesh_nulling.null_from_right")
def _():
    return nulling("triangular")


@case("mesh_nulling.null_both_sides")
def _():
    return nulling("rectangular")


@case("mesh_nulling.asymmetric_phases")
def _():
    topology = mesh("rectangular", 5)
    theta, phi = RNG.uniform(0, 3, (2, topology.n_mzi))
    wanted = product(topology, theta, phi, np.ones(5))

    def holds(row, theta, phi, gauge):
        built = build_by_embedding(topology, theta, phi, -gauge)
        np.testing.assert_allclose(built, wanted, rtol=0, atol=1e-13)

    return Case((topology.row, theta, phi.copy(), np.zeros(5)), holds)


@case("mesh_nulling.symmetric_phases")
def _():
    theta, phi = RNG.uniform(0, 3, (2, MESH.n_mzi))
    wanted = product(MESH, theta, phi, np.ones(5))

    def holds(layer, row, edge_layer, theta, phi, edge, gauge):
        built = build_by_embedding(MESH, theta, phi, -gauge, edge)
        np.testing.assert_allclose(built, wanted, rtol=0, atol=1e-13)

    blank = (np.zeros(MESH.n_edge), np.zeros(5))
    return Case((MESH.layer, MESH.row, MESH.edge_layer, theta.copy(), phi.copy(), *blank), holds)


# Real meshes.


@case("orthogonal._build")
def _():
    topology = mesh("butterfly", 4)
    theta = normal(2, topology.n_mzi)

    def expected(theta_rad, row, partner, out):
        built = []
        for setting in theta_rad:
            u = np.eye(4)
            for k, (a, b) in enumerate(zip(row, partner, strict=True)):
                c, s = np.cos(setting[k]), np.sin(setting[k])
                u[[a, b]] = np.array([[c, -s], [s, c]]) @ u[[a, b]]
            built.append(u)
        return {3: np.stack(built)}

    return Case((theta, topology.row, topology.partner, np.zeros((2, 4, 4))), expected)


@case("orthogonal._build_imperfect")
def _():
    topology = mesh("rectangular", 4)
    theta = normal(2, 1, topology.n_mzi)
    cells = rotation_cells(*(0.1 * normal(2, 1, topology.n_mzi)), 0.9)
    return Case((theta, topology.row, topology.partner, cells, np.zeros((2, 1, 4, 4), complex)))


@case("orthogonal._move_signs")
def _():
    topology = mesh("triangular", 4)
    flips = RNG.choice([-1.0, 1.0], topology.n_mzi)
    return Case((topology.row, topology.partner, flips, normal(topology.n_mzi), np.ones(4)))


@case("orthogonal._rotate")
def _():
    def expected(upper, lower, c, s):
        return {0: c * upper - s * lower, 1: s * upper + c * lower}

    return Case((normal(5), normal(5), 0.8, 0.6), expected)


@case("orthogonal._order_of_layers")
def _():
    def expected(upper, depth, layer):
        return {2: np.array([0, 0, 1, 2, 2])}

    return Case((np.array([0, 2, 1, 0, 2]), np.zeros(4, np.int64), np.zeros(5, np.int64)), expected)


def check(found, expected):
    """Equal to rounding, through all nested tuples of arrays."""
    if isinstance(expected, tuple | list):
        for one, other in zip(found, expected, strict=True):
            check(one, other)
    elif expected is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_every_kernel_has_a_case():
    assert set(KERNELS) == set(CASES)


@pytest.mark.parametrize("name", list(CASES))
def test_compiled_is_python_is_what_it_says(name):
    made = CASES[name]()
    for kernel in KERNELS[name]:
        slow, fast = copy.deepcopy(made.arguments), copy.deepcopy(made.arguments)
        # The hashes of the noise run over on purpose.
        with np.errstate(over="ignore"):
            by_python = kernel.py_func(*slow)
        compiled = kernel(*fast)
        check(compiled, by_python)
        check(fast, slow)
        if made.expected is None:
            continue
        said = made.expected(*(fast if made.expected.__name__ == "holds" else copy.deepcopy(made.arguments)))
        if isinstance(said, dict):
            for place, array in said.items():
                check(fast[place], array)
        elif said is not None:
            check(compiled, said)


def test_nothing_is_compiled_beside_the_policy():
    room = Path(photonzero.photonics.__file__).parent
    for path in sorted(room.rglob("*.py")):
        if path.name != "jit.py":
            text = path.read_text(encoding="utf-8")
            assert "njit" not in text, path
            assert "import jit" not in text, path


def test_kernels_compile_where_nothing_can_be_cached(monkeypatch):
    def refuses(**options):
        if options["cache"]:
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(**options)

    monkeypatch.setattr(jit, "njit", refuses)
    made = jit.kernel()(lambda x: x + 1)
    jit.COMPILED.remove(made)
    assert made(1) == 2
