"""Keys, counters and the intake of ``rng=``: published vectors, known laws, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pondera as po
from pondera import _core
from pondera.random import Key, Purpose, counter_gumbel, counter_normal, counter_uniform, generator, key

FULL = 2**32 - 1


@pytest.mark.parametrize(
    ("counter", "words", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((FULL,) * 4, (FULL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, words, answer):
    assert _core.random.philox(*counter, *words) == answer
    assert philox(counter, words) == answer


def philox(counter: tuple[int, ...], words: tuple[int, ...]) -> tuple[int, ...]:
    """Ten rounds in Python integers, from the paper."""
    c, (k0, k1) = list(counter), words
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k0, low1, high0 ^ c[3] ^ k1, low0]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return tuple(c)


def test_a_stream_is_philox_of_element_row_and_purpose():
    k, element, row = Key(11, 22), 2**40 + 5, 77
    w = philox((element % 2**32, element // 2**32, row, Purpose.UNIFORM << 24), (11, 22))
    bits = w[0] | w[1] << 32
    stream = k.stream(Purpose.UNIFORM, row)
    assert int(stream.bits(element)) == bits
    assert float(stream.uniform(element)) == ((bits >> 12) + 0.5) * 2.0**-52


def test_draws_at_any_subset_order_and_shape_are_the_same():
    stream = Key(1, 2).stream(Purpose.NORMAL, 3)
    index = np.arange(10_000)
    for name in ("bits", "uniform", "exponential", "gumbel", "normal"):
        draw = getattr(stream, name)
        whole = draw(index)
        some = np.random.default_rng(0).permutation(index)[:64].reshape(8, 8)
        assert np.array_equal(draw(some), whole[some])
        assert draw(7) == whole[7]
        assert draw(np.empty((0, 3), dtype=int)).shape == (0, 3)


def test_transforms_are_those_of_the_uniform_of_the_same_address():
    special = pytest.importorskip("scipy.special")
    stream = Key(5, 6).stream(Purpose.EXPONENTIAL)
    index = np.arange(20_000)
    u = stream.uniform(index)
    np.testing.assert_allclose(stream.exponential(index), -np.log(u), rtol=1e-15)
    np.testing.assert_allclose(stream.gumbel(index), -np.log(-np.log(u)), rtol=1e-12, atol=1e-14)
    # AS 241 is accurate to 1e-16 relative; SciPy's ndtri to some 1e-15, worse where it passes zero.
    np.testing.assert_allclose(stream.normal(index), special.ndtri(u), rtol=1e-13, atol=1e-15)
    p = 0.3
    assert np.array_equal(stream.geometric(index, p), np.floor(np.log(u) / math.log1p(-p)).astype(int))
    assert (stream.geometric(index, 1.0) == 0).all()


def test_uniforms_never_reach_zero_or_one_and_have_their_moments():
    z = []
    for seed in range(30):
        u = key(seed).stream(Purpose.UNIFORM).uniform(np.arange(100_000))
        assert u.min() > 0
        assert u.max() < 1
        z.append((u.mean() - 0.5) * math.sqrt(12 * 100_000))
    # z-scores of 30 independent means: their square sum is chi-square with 30 degrees, whose 1e-6 tails are 6 and 84.
    assert 6 < np.square(z).sum() < 84


def test_bounded_integers_are_uniform_also_where_modulo_would_be_biased():
    stream = Key(3, 4).stream(Purpose.INTEGERS)
    draws = stream.integers(np.arange(70_000), 7)
    counts = np.bincount(draws, minlength=7)
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 40  # chi-square, 6 degrees: 5e-7
    n = 3 * 2**61  # a quarter of the 64-bit words is rejected; modulo would hit the lower third twice as often
    low = np.count_nonzero(stream.integers(np.arange(30_000), n) < n // 3)
    assert abs(low - 10_000) < 5 * math.sqrt(30_000 * 2 / 9)
    assert (stream.integers(np.arange(5), 1) == 0).all()


def test_a_permutation_is_the_order_of_the_uniforms():
    stream = Key(1, 1).stream(Purpose.PERMUTATION, 9)
    p = stream.permutation(1000)
    assert np.array_equal(np.sort(p), np.arange(1000))
    assert (np.diff(stream.uniform(p)) > 0).all()


# -- keys


def test_fold_in_separates_numbers_strings_signs_and_paths():
    k = Key(1, 2)
    children = [
        k.fold_in(*data)
        for data in [(0,), (1,), (-1,), (2**64 - 1,), (-(2**63),), ("1",), ("",), ("a",), ("a", "b"), ("ab",), (1, 0)]
    ]
    assert len({*children, k}) == len(children) + 1
    assert k.fold_in("a", 3) == k.fold_in("a").fold_in(3)
    assert k.fold_in() == k
    assert k.fold_in(np.int64(5)) == k.fold_in(5)
    assert k.fold_in("\ud800") != k.fold_in("?")  # a lone surrogate is data like any other


def test_fold_in_of_a_hundred_thousand_numbers_never_collides():
    # 64 bits: a collision among 1e5 keys has probability 3e-10.
    k = Key(0, 0)
    assert len({k.fold_in(i).words for i in range(100_000)}) == 100_000


@pytest.mark.parametrize("data", [1.5, None, b"x", [1]])
def test_fold_in_refuses_what_is_neither_integer_nor_string(data):
    with pytest.raises(TypeError):
        Key(0, 0).fold_in(data)


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_fold_in_refuses_more_than_64_bits(number):
    with pytest.raises(ValueError, match="data: expected integers of 64 bits"):
        Key(0, 0).fold_in(number)


def test_keys_check_their_words_and_are_values():
    for words, name in (((-1, 0), "k0"), ((0, 2**32), "k1")):
        with pytest.raises(ValueError, match=name):
            Key(*words)
    with pytest.raises(TypeError):
        Key(0.5, 0)  # type: ignore[arg-type]
    assert Key(np.uint32(3), 4) == Key(3, 4)
    assert len({Key(3, 4), Key(3, 4)}) == 1
    with pytest.raises(AttributeError):
        Key(3, 4).k0 = 5  # type: ignore[misc]


# -- what rng= takes (SPEC 7)


def test_an_integer_a_seed_sequence_and_a_fresh_generator_agree():
    expected = int(np.random.default_rng(5).integers(0, 2**64, dtype=np.uint64))
    assert key(5) == Key(expected % 2**32, expected // 2**32)
    assert key(5) == key(np.random.SeedSequence(5)) == key(np.random.default_rng(5)) == key(np.random.PCG64(5))
    assert key(5) == key(np.int32(5))
    assert key(5) != key(6)
    assert key([5, 6]) == key(np.random.SeedSequence([5, 6]))


def test_a_generator_advances_by_one_word_and_a_key_is_used_as_it_is():
    used, ruler = np.random.default_rng(1), np.random.default_rng(1)
    assert key(used) != key(used)
    ruler.integers(0, 2**64, size=2, dtype=np.uint64)
    assert used.bit_generator.state == ruler.bit_generator.state
    k = Key(8, 9)
    assert key(k) is k


def test_none_is_fresh_each_time():
    assert key(None) != key(None)
    assert key() != key()


def test_two_uint32_words_and_jax_keys_are_keys():
    assert key(np.array([3, 4], dtype=np.uint32)) == Key(3, 4)
    jax = pytest.importorskip("jax")
    raw, typed = jax.random.PRNGKey(7), jax.random.key(7)
    assert key(raw) == key(typed) == Key(*(int(w) for w in np.asarray(raw)))
    with pytest.raises(TypeError, match="two uint32 words"):
        key(jax.numpy.zeros(3))


@pytest.mark.parametrize("rng", [np.random.RandomState(0), np.random, True, 1.5, "7", object(), {"a": 1}])
def test_everything_else_is_a_type_error_that_names_rng(rng):
    with pytest.raises(TypeError, match="rng"):
        key(rng)


def test_a_negative_seed_is_a_value_error_that_names_rng():
    with pytest.raises(ValueError, match="rng"):
        key(-1)


def test_a_callbacks_generator_is_fixed_by_key_purpose_and_block():
    k = Key(1, 2)
    draws = [generator(k, *which).random(4).tolist() for which in [(1, 0), (1, 1), (2, 0), (1, 0)]]
    assert draws[0] == draws[3]
    assert draws[0] not in (draws[1], draws[2])
    assert type(generator(k, 1).bit_generator).__name__ == "Philox"


# -- refusals of streams


def test_streams_refuse_addresses_that_do_not_exist():
    k = Key(0, 0)
    for purpose in (-1, 256):
        with pytest.raises(ValueError, match="purpose"):
            k.stream(purpose)
    for row in (-1, 2**32):
        with pytest.raises(ValueError, match="row"):
            k.stream(1, row)
    stream = k.stream(1)
    with pytest.raises(ValueError, match="index: expected non-negative"):
        stream.uniform([-1])
    with pytest.raises(TypeError, match="index: expected integers"):
        stream.uniform([0.5])
    for n in (0, 2**63 + 1):
        with pytest.raises(ValueError, match="n: expected"):
            stream.integers(0, n)
    for p in (0.0, 1.5, math.nan):
        with pytest.raises(ValueError, match="p: expected a probability"):
            stream.geometric(0, p)
    assert stream.uniform(np.uint64(2**64 - 1)) > 0


def test_purposes_are_bytes_told_apart_and_number_as_published():
    numbers = [p.value for p in Purpose]
    assert numbers == list(range(1, 39))
    assert (Purpose.SYSTEMATIC, Purpose.GUMBEL, Purpose.BOOTSTRAP, Purpose.OWEN) == (3, 8, 17, 26)
    index = np.arange(8)
    seen = {Key(1, 2).stream(p).uniform(index).tobytes() for p in Purpose}
    assert len(seen) == len(Purpose)


def test_counter_arrays_are_the_streams_of_their_purpose():
    k, index = Key(1, 2), np.arange(100).reshape(10, 10)
    assert np.array_equal(counter_uniform(k, 4, index), k.stream(Purpose.UNIFORM, 4).uniform(index))
    assert np.array_equal(counter_gumbel(k, 4, index), k.stream(Purpose.GUMBEL, 4).gumbel(index))
    assert np.array_equal(counter_normal(k, 4, index), k.stream(Purpose.NORMAL, 4).normal(index))
    assert np.array_equal(counter_normal(k, 4, index, purpose=9), k.stream(9, 4).normal(index))


def test_draws_do_not_depend_on_threads():
    index = np.arange(50_000)
    stream = Key(9, 9).stream(Purpose.NORMAL)
    seen = set()
    for n in (1, 2, 5):
        with po.threads(n):
            seen.add(stream.normal(index).tobytes() + stream.integers(index, 10**12).tobytes())
    assert len(seen) == 1
