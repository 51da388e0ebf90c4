"""Array intake: who may pass what, without a copy where none is needed, and what is refused with which remedy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pondera as po
from pondera.arrays import as_array, as_float, as_index, check_finite, column_names, like


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contiguous_floats_come_in_without_a_copy(dtype):
    x = np.arange(6, dtype=dtype).reshape(2, 3)
    assert as_float(x, "x").dtype == dtype
    assert address(as_float(x, "x")) == address(x)
    x.flags.writeable = False
    assert address(as_float(x, "x")) == address(x)


@given(
    x=hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int8, np.uint64, np.bool_]),
        hnp.array_shapes(max_dims=4, max_side=4),
    ),
    data=st.data(),
)
def test_any_strides_give_the_same_values_and_leave_the_argument_alone(x, data):
    axes = data.draw(st.permutations(range(x.ndim)))
    steps = tuple(slice(None, None, data.draw(st.sampled_from([1, -1, 2, -2]))) for _ in range(x.ndim))
    view = x.transpose(axes)[steps]
    before = x.tobytes()
    out = as_float(view, "x")
    assert out.flags.c_contiguous
    assert out.dtype == (np.float32 if x.dtype == np.float32 else np.float64)
    np.testing.assert_array_equal(out, view.astype(out.dtype))
    assert x.tobytes() == before


def test_torch_tensors_come_in_without_a_copy_and_go_out_as_tensors():
    torch = pytest.importorskip("torch")
    t = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    array = as_float(t, "x")
    assert address(array) == t.data_ptr()
    np.testing.assert_array_equal(as_float(t.T, "x"), t.T.numpy())
    assert as_array(torch.tensor([True, False]), "x", kind="bool").dtype == bool
    back = like(t)(np.ones(3))
    assert isinstance(back, torch.Tensor)
    assert back.dtype == torch.float64
    assert isinstance(po.resample(t[0], 4, rng=0), torch.Tensor)
    assert po.psis(torch.zeros(30, dtype=torch.float32)).log_weights.dtype == torch.float32


def test_jax_arrays_come_in_without_a_copy_and_go_out_as_jax_arrays():
    jax = pytest.importorskip("jax")
    a = jax.numpy.arange(6, dtype=jax.numpy.float32)
    array = as_float(a, "x")
    assert address(array) == a.unsafe_buffer_pointer()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1.0
    assert isinstance(like(a)(np.ones(3, dtype=np.float32)), jax.Array)
    assert isinstance(po.truncate(a), jax.Array)


def test_frames_series_and_lists_give_numpy():
    pd = pytest.importorskip("pandas")
    for x in (pd.Series([1.0, 2.0]), [1.0, 2.0], (1.0, 2.0)):
        array = as_float(x, "x")
        assert array.tolist() == [1.0, 2.0]
        assert type(like(x)(array)) is np.ndarray
    assert as_float(pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]}), "x").tolist() == [[1.0, 3.0], [2.0, 4.0]]


def test_integers_and_half_precision_are_widened():
    assert as_float(np.array([1, 2], dtype=np.int16), "x").dtype == np.float64
    assert as_float([True, False], "x").dtype == np.float64
    assert as_float(np.array([1.5], dtype=np.float16), "x").dtype == np.float32
    assert as_float(np.array([1.5, 2.5], dtype=">f8"), "x").tolist() == [1.5, 2.5]
    assert as_float(np.array([1.5], dtype=">f4"), "x").dtype == np.float32
    assert as_index(np.array([1, 2], dtype=np.uint8), "i").dtype == np.int64
    assert as_index([], "i").dtype == np.int64
    assert as_float(3, "x").shape == ()


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.ma.masked_array([1.0, 2.0], [True, False]), "masked arrays .* fill or drop"),
        (np.array([1j]), "complex numbers .* real part"),
        (np.array([1, None], dtype=object), "real numbers, received dtype object; convert"),
        (np.array(["1"]), "real numbers, received dtype <U1"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "real numbers, received dtype datetime64"),
        (np.ones(2, dtype=np.longdouble), r"x\.astype\('float64'\)"),
        ([[1.0], [1.0, 2.0]], "expected an array, received list"),
        (object(), "real numbers"),
        ("seven", "real numbers"),
        (None, "real numbers"),
    ],
)
def test_what_would_lose_information_is_a_type_error_with_the_remedy(x, words):
    with pytest.raises(TypeError, match=f"x: .*{words}"):
        as_float(x, "x")


def test_tensors_with_gradients_bfloat16_and_sparse_matrices_are_refused_with_the_remedy():
    torch = pytest.importorskip("torch")
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"x: the tensor requires grad; pass x\.detach\(\)"):
        as_float(torch.ones(2, requires_grad=True), "x")
    with pytest.raises(TypeError, match=r"x: torch\.bfloat16 is not accepted; convert to float32 first"):
        as_float(torch.ones(2, dtype=torch.bfloat16), "x")
    with pytest.raises(TypeError, match=r"x: sparse matrices are not accepted; pass x\.toarray\(\)"):
        as_float(sparse.csr_array(np.eye(2)), "x")
    with pytest.raises(TypeError, match="x: the array is on another device"):
        as_float(torch.ones(2, device="meta"), "x")


def test_wrong_dimensions_and_kinds_are_named():
    with pytest.raises(ValueError, match=r"x: expected a 2-d array, received shape \(3,\); reshape\(-1, 1\)"):
        as_float(np.zeros(3), "x", ndim=2)
    with pytest.raises(ValueError, match="x: expected a 1-d or 2-d array"):
        as_float(np.zeros((1, 1, 1)), "x", ndim=(1, 2))
    with pytest.raises(TypeError, match="i: expected integers, received dtype float64"):
        as_index([1.0], "i")
    with pytest.raises(TypeError, match="b: expected booleans, received dtype int64"):
        as_array([1, 0], "b", kind="bool")


def test_the_first_bad_value_is_given_with_its_position():
    x = np.zeros((3, 4))
    x[1, 2], x[2, 3] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"x: 2 value\(s\) are NaN or infinite, the first \(nan\) at \(1, 2\)"):
        as_float(x, "x", finite=True)
    with pytest.raises(ValueError, match=r"at 1$"):
        check_finite(np.array([0.0, -np.inf]), "x")
    check_finite(np.zeros(0), "x")


def test_columns_are_named_by_the_first_that_knows():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1], 2: [2]})

    class Model:
        feature_names_in_ = np.array(["m", "n"])

    assert column_names(frame, 2, names=["p", "q"], model=Model()) == ("p", "q")
    assert column_names(frame, 2, model=Model()) == ("a", "2")
    assert column_names(np.zeros((1, 2)), 2, model=Model()) == ("m", "n")
    assert column_names(np.zeros((1, 2)), 2) == ("x0", "x1")
    with pytest.raises(ValueError, match="names: expected 2 names, received 1"):
        column_names(frame, 2, names=["p"])
