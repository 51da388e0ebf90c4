"""Models as checked functions: each library's models give what they give alone; files that run code are refused."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import pondera as po
from pondera.models import as_predict, load_model


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"])
    X["d"] = pd.Categorical(rng.choice(["u", "v"], 120))
    return X, (X["a"] + X["b"] * (X["d"] == "u")).to_numpy()


# scikit-learn and what looks like it


def test_regressors_predict_and_classifiers_are_asked_for_probabilities(frame):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LinearRegression

    X, y = frame
    X = X[["a", "b", "c"]]
    regressor, classifier = LinearRegression().fit(X, y), RandomForestClassifier(5, random_state=0).fit(X, y > 0)
    predict = as_predict(regressor)
    np.testing.assert_array_equal(predict(X), regressor.predict(X))
    assert (predict.response, predict.is_classifier, predict.feature_names) == ("predict", False, ("a", "b", "c"))
    predict = as_predict(classifier)
    np.testing.assert_array_equal(predict(X), classifier.predict_proba(X))
    assert predict.is_classifier
    assert predict.class_names == ("False", "True")
    one = as_predict(classifier, target=1)
    np.testing.assert_array_equal(one(X), classifier.predict_proba(X)[:, 1])
    np.testing.assert_array_equal(predict.with_target([1, 0])(X), classifier.predict_proba(X)[:, ::-1])
    assert as_predict(predict, target=0).target == 0
    np.testing.assert_array_equal(as_predict(classifier, response="predict")(X), classifier.predict(X))


def test_pipelines_on_dataframes_with_categories_keep_the_dtypes(frame):
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    X, y = frame
    encode = make_column_transformer((OneHotEncoder(), ["d"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(X, y > 0)
    np.testing.assert_array_equal(as_predict(model)(X), model.predict_proba(X))
    phi = po.shapley(po.MarginalGame(model, X.iloc[0], X.iloc[:20], target=1))
    assert phi.names == ("a", "b", "c", "d")
    total = phi.base_value + phi.values.sum()
    assert abs(total - model.predict_proba(X.iloc[:1])[0, 1]) < 1e-12


def test_arrays_get_the_names_the_model_was_fitted_with(frame):
    from sklearn.linear_model import LinearRegression

    X, y = frame
    X = X[["a", "b", "c"]]
    model = LinearRegression().fit(X, y)
    # Without the names scikit-learn would warn, and warnings are errors here.
    np.testing.assert_array_equal(as_predict(model)(X.to_numpy()), model.predict(X))


def test_classifiers_without_probabilities_give_their_scores_and_detectors_predict(frame):
    from sklearn.ensemble import IsolationForest
    from sklearn.svm import LinearSVC

    X, y = frame
    X = X[["a", "b", "c"]]
    machine = LinearSVC().fit(X, y > 0)
    predict = as_predict(machine)
    assert predict.response == "decision_function"
    assert predict.is_classifier
    np.testing.assert_array_equal(predict(X), machine.decision_function(X))
    detector = IsolationForest(n_estimators=10, random_state=0).fit(X)
    np.testing.assert_array_equal(as_predict(detector)(X), detector.predict(X))
    scores = as_predict(detector, response="decision_function")
    np.testing.assert_array_equal(scores(X), detector.decision_function(X))


def test_anything_with_the_methods_of_scikit_learn_will_do():
    class Booster:  # as XGBoost and LightGBM: scikit-learn's interface, another base class
        classes_ = np.array([0, 1])

        def predict(self, X):
            raise AssertionError("a classifier is asked for probabilities")

        def predict_proba(self, X):
            return np.stack([1 - X[:, 0], X[:, 0]], axis=1).astype(np.float32)

    got = as_predict(Booster(), target=1)(np.array([[0.25], [0.5]]))
    np.testing.assert_array_equal(got, [0.25, 0.5])
    assert got.dtype == np.float64


def test_labels_and_several_outputs_are_refused_with_the_remedy(frame):
    from sklearn.ensemble import RandomForestClassifier

    X, y = frame
    X = X[["a", "b", "c"]]
    words = RandomForestClassifier(3).fit(X, np.where(y > 0, "yes", "no"))
    with pytest.raises(ValueError, match=r"model: predict returned dtype .* pass a function that returns prob"):
        as_predict(words, response="predict")(X)
    both = RandomForestClassifier(3).fit(X, np.stack([y > 0, y > 1], axis=1))
    with pytest.raises(ValueError, match="model: predict returned 2 arrays"):
        as_predict(both)(X)


# Plain callables


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda X: X[:-1, 0], r"model: predict returned shape \(4,\) for 5 rows"),
        (lambda X: X.sum(), "model: predict returned shape"),
        (lambda X: np.where(X[:, 0] > 0, np.nan, 1.0), "model: predict returned NaN or infinity, first in row 1"),
        (lambda X: X[:, 0].astype(object), "model: predict returned dtype object"),
        (lambda X: X[:, 0] + 1j, "model: predict returned dtype complex128"),
    ],
)
def test_wrong_outputs_are_refused(function, message):
    with pytest.raises(ValueError, match=message):
        as_predict(function)(np.arange(5.0)[:, None])


def test_a_shape_that_changes_between_calls_is_refused():
    predict = as_predict(lambda X: np.zeros((len(X), len(X))))
    predict(np.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"model: predict returned rows of shape \(2,\), in an earlier call \(3,\)"):
        predict(np.zeros((2, 1)))


def test_batches_are_joined_and_rows_may_be_none(frame):
    X, _ = frame
    sizes = []

    def model(rows):
        sizes.append(len(rows))
        return np.asarray(rows["a"]) * 2

    predict = as_predict(model, batch_size=50)
    np.testing.assert_array_equal(predict(X), X["a"] * 2)
    assert sizes == [50, 50, 20]
    assert predict(X.iloc[:0]).shape == (0,)
    A = np.arange(7.0)[:, None]
    np.testing.assert_array_equal(as_predict(lambda Z: Z[:, 0], batch_size=3)(A), np.arange(7.0))


def test_callables_may_return_tensors_and_series(frame):
    import jax.numpy as jnp

    torch = pytest.importorskip("torch")

    X, _ = frame
    np.testing.assert_array_equal(as_predict(lambda Z: Z["a"])(X), X["a"])
    A = np.arange(4.0)[:, None]
    np.testing.assert_array_equal(as_predict(lambda Z: torch.from_numpy(Z[:, 0]))(A), A[:, 0])
    np.testing.assert_array_equal(as_predict(lambda Z: jnp.asarray(Z[:, 0]))(A), A[:, 0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: as_predict(3.0), TypeError, "model: expected an estimator"),
        (lambda: as_predict(None), TypeError, "model: expected an estimator"),
        (lambda: as_predict(dict), TypeError, "model: received the class dict; pass a fitted instance"),
        (lambda: as_predict(len, response="predict"), ValueError, "response: a plain callable has none"),
        (lambda: as_predict(len, target="predicted"), ValueError, "target: .*'predicted' needs the explained row"),
        (lambda: as_predict(len, target=1.0), TypeError, "target: expected an integer"),
        (lambda: as_predict(len, batch_size=0), ValueError, "batch_size: expected a positive integer"),
        (lambda: as_predict(lambda X: X, target=2)(np.zeros((3, 2))), ValueError, "target: the model has 2 outputs"),
        (lambda: as_predict(lambda X: X[:, 0], target=0)(np.zeros((3, 2))), ValueError, "target: .*one number a row"),
        (lambda: as_predict(as_predict(len, target=0), target=1), ValueError, "target: this predictor has its target"),
        (lambda: as_predict(as_predict(len), response="predict"), ValueError, "response: this predictor"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_unknown_responses_are_refused_with_the_known_ones(frame):
    from sklearn.linear_model import LinearRegression

    with pytest.raises(ValueError, match="response: the model has predict, received 'predict_proba'"):
        as_predict(LinearRegression(), response="predict_proba")


def test_importing_the_adapter_imports_no_model_library():
    heavy = ("torch", "sklearn", "pandas", "onnxruntime", "skops")
    code = f"import sys, pondera.models; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"


# PyTorch


def network(dtype=None):
    torch = pytest.importorskip("torch")

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.ReLU(), torch.nn.Linear(8, 2)
    )
    return model.to(dtype or torch.float32)


def test_modules_run_in_eval_mode_without_gradients_and_get_their_modes_back():
    torch = pytest.importorskip("torch")

    model = network()
    model.train()
    model[1].eval()  # a frozen layer stays frozen
    modes = [part.training for part in model.modules()]
    statistics = model[1].running_mean.clone()
    X = np.random.default_rng(0).normal(size=(6, 3))
    predict = as_predict(model)
    one, two = predict(X), predict(X)
    np.testing.assert_array_equal(one, two)  # no dropout
    assert [part.training for part in model.modules()] == modes
    assert torch.equal(model[1].running_mean, statistics)
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert torch.is_grad_enabled()
    model.eval()
    truth = model(torch.tensor(X, dtype=torch.float32)).detach().double().numpy()
    np.testing.assert_array_equal(one, truth)


def test_modes_come_back_after_an_exception():
    torch = pytest.importorskip("torch")

    class Fails(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(3, 1)

        def forward(self, X):
            assert not self.training
            assert not torch.is_grad_enabled()
            raise ZeroDivisionError

    model = Fails()
    model.inner.eval()
    with pytest.raises(ZeroDivisionError):
        as_predict(model)(np.zeros((2, 3)))
    assert model.training
    assert not model.inner.training
    assert torch.is_grad_enabled()


def test_modules_get_their_own_dtype_and_return_float64():
    torch = pytest.importorskip("torch")

    X = np.random.default_rng(0).normal(size=(5, 3))
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        model = network(dtype).eval()
        got = as_predict(model, target=0)(X)
        assert got.dtype == np.float64
        truth = model(torch.tensor(X).to(dtype))[:, 0].detach().double().numpy()
        np.testing.assert_array_equal(got, truth)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    np.testing.assert_array_equal(as_predict(model, target=0)(frame), got)
    # Read-only memory is not handed to torch, which would warn.
    X.flags.writeable = False
    np.testing.assert_array_equal(as_predict(model, target=0)(X), got)


def test_modules_that_return_no_tensor_are_refused():
    torch = pytest.importorskip("torch")

    class Pair(torch.nn.Module):
        def forward(self, X):
            return X, X

    with pytest.raises(ValueError, match="model: the module returned tuple, expected a tensor"):
        as_predict(Pair())(np.zeros((2, 3)))


def test_shapley_values_of_a_network_add_up():
    model = network()
    rng = np.random.default_rng(0)
    background, x = rng.normal(size=(10, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    phi = po.shapley(po.MarginalGame(model, x, background))
    total = phi.base_value + phi.values.sum(axis=0)
    np.testing.assert_allclose(total, as_predict(model)(x[None])[0], atol=1e-12)


# Files


@pytest.fixture(scope="module")
def onnx_files(tmp_path_factory, frame):
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    X, y = frame
    folder = tmp_path_factory.mktemp("onnx")
    A = X[["a", "b", "c"]].to_numpy().astype(np.float32)
    models = {
        "regressor": (LinearRegression().fit(A, y), [("X", FloatTensorType([None, 3]))], {}),
        "classifier": (LogisticRegression().fit(A, y > 0), [("X", FloatTensorType([None, 3]))], {"zipmap": False}),
        "zipmap": (LogisticRegression().fit(A, y > 0), [("X", FloatTensorType([None, 3]))], {}),
    }
    encode = make_column_transformer((OneHotEncoder(), ["d"]), ("passthrough", ["a", "b", "c"]))
    columns = [(name, FloatTensorType([None, 1])) for name in "abc"] + [("d", StringTensorType([None, 1]))]
    text = X.assign(d=X["d"].astype(str))
    models["pipeline"] = (make_pipeline(encode, LogisticRegression()).fit(text, y > 0), columns, {"zipmap": False})
    for name, (model, types, options) in models.items():
        options = {id(model): options} if options else None
        made = convert_sklearn(model, initial_types=types, options=options, target_opset=17)
        (folder / f"{name}.onnx").write_bytes(made.SerializeToString())
    return folder, {name: model for name, (model, _, _) in models.items()}


def test_onnx_sessions_give_what_the_model_gives(onnx_files, frame):
    folder, models = onnx_files
    X, _ = frame
    A = X[["a", "b", "c"]].to_numpy().astype(np.float32)
    predict = as_predict(load_model(folder / "regressor.onnx"))
    assert predict(A).shape == (len(A),)
    np.testing.assert_allclose(predict(A), models["regressor"].predict(A), atol=1e-5)
    assert not predict.is_classifier
    for name in ("classifier", "zipmap"):
        predict = as_predict(load_model(folder / f"{name}.onnx"))
        assert predict.is_classifier
        np.testing.assert_allclose(predict(A), models[name].predict_proba(A), atol=1e-5)
        np.testing.assert_allclose(predict(A.astype(np.float64)), predict(A))
    predict = as_predict(load_model(folder / "classifier.onnx"), target=1)
    np.testing.assert_allclose(predict(A), models["classifier"].predict_proba(A)[:, 1], atol=1e-5)
    with pytest.raises(ValueError, match="response: the model's outputs are label, probabilities"):
        as_predict(load_model(folder / "classifier.onnx"), response="logits")


def test_onnx_models_with_one_input_a_column_take_dataframes(onnx_files, frame):
    folder, models = onnx_files
    X, _ = frame
    predict = as_predict(load_model(folder / "pipeline.onnx"), target=1)
    assert predict.feature_names == ("a", "b", "c", "d")
    truth = models["pipeline"].predict_proba(X)[:, 1]
    np.testing.assert_allclose(predict(X), truth, atol=1e-5)
    np.testing.assert_allclose(predict(X[["d", "c", "a", "b"]]), truth, atol=1e-5)  # by name, in any order
    with pytest.raises(ValueError, match="X: the model wants columns c, which are not there"):
        predict(X.drop(columns="c"))
    phi = po.shapley(po.MarginalGame(predict, X.iloc[0], X.iloc[:10]))
    assert abs(phi.base_value + phi.values.sum() - truth[0]) < 1e-5


def node_model(nodes, initializers=(), functions=(), opsets=(("", 17),)):
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [None, 2])],
        initializer=list(initializers),
    )
    imports = [helper.make_opsetid(*pair) for pair in opsets]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def test_external_data_is_refused_wherever_it_hides(tmp_path):
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    def external(name):
        tensor = helper.make_tensor(name, TensorProto.FLOAT, [2], [1.0, 2.0])
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"
        return tensor

    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=external("v"))],
        "inner",
        [],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [2])],
    )
    cases = {
        "initializer": node_model([helper.make_node("Add", ["X", "w"], ["Y"])], [external("w")]),
        "attribute": node_model(
            [
                helper.make_node("Constant", [], ["w"], value=external("w")),
                helper.make_node("Add", ["X", "w"], ["Y"]),
            ]
        ),
        "branch": node_model(
            [
                helper.make_node("Constant", [], ["t"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True])),
                helper.make_node("If", ["t"], ["w"], then_branch=branch, else_branch=branch),
                helper.make_node("Add", ["X", "w"], ["Y"]),
            ]
        ),
    }
    for name, model in cases.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        with pytest.raises(ValueError, match="keeps data in other files, which is refused"):
            load_model(path)


def test_unknown_operator_domains_are_refused_and_own_functions_are_not(tmp_path):
    pytest.importorskip("onnx")
    from onnx import helper

    path = tmp_path / "m.onnx"
    strange = node_model([helper.make_node("Run", ["X"], ["Y"], domain="evil.ops")], opsets=(("", 17), ("evil.ops", 1)))
    path.write_bytes(strange.SerializeToString())
    with pytest.raises(ValueError, match=r"operators of unknown domain\(s\) evil.ops are refused"):
        load_model(path)
    double = helper.make_function(
        "own", "Double", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    mine = node_model(
        [helper.make_node("Double", ["X"], ["Y"], domain="own")], functions=[double], opsets=(("", 17), ("own", 1))
    )
    path.write_bytes(mine.SerializeToString())
    np.testing.assert_array_equal(as_predict(load_model(path))(np.ones((3, 2))), np.full((3, 2), 2.0))
    bad = helper.make_function(
        "own",
        "Double",
        ["a"],
        ["b"],
        [helper.make_node("Run", ["a"], ["b"], domain="evil.ops")],
        [helper.make_opsetid("evil.ops", 1)],
    )
    hidden = node_model(
        [helper.make_node("Double", ["X"], ["Y"], domain="own")],
        functions=[bad],
        opsets=(("", 17), ("own", 1), ("evil.ops", 1)),
    )
    path.write_bytes(hidden.SerializeToString())
    with pytest.raises(ValueError, match=r"unknown domain\(s\) evil.ops"):
        load_model(path)


def test_damaged_onnx_files_are_refused_in_one_line(tmp_path, onnx_files):
    whole = (onnx_files[0] / "regressor.onnx").read_bytes()
    path = tmp_path / "m.onnx"
    # Field 20000 with four bytes: harmless to a parser of protocol buffers, onnxruntime's own format to onnxruntime.
    disguised = b"\x82\xe2\x09\x04ORTM" + whole
    cases = [b"", b"PK\3\4 a zip file", b"\x80\x04K\x01.", bytes(1000), whole[:-7], whole[: len(whole) // 2], disguised]
    cases += [b"\x3a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x3a\x05\x0a\xff\xff\xff\x7f"]
    cases += [b"\x38\x01", b"\x3b" + whole]
    for data in cases:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"path: .*m.onnx: "):
            load_model(path)
    deep = b""
    for _ in range(300):  # graphs in attributes in nodes in graphs
        for tag in (b"\x0a", b"\x2a", b"\x32"):
            size = len(deep)
            varint = bytearray()
            while True:
                varint.append((size & 127) | (128 if size > 127 else 0))
                size >>= 7
                if not size:
                    break
            deep = tag + bytes(varint) + deep
    path.write_bytes(deep)
    with pytest.raises(ValueError, match="not an ONNX model, or damaged"):
        load_model(path)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_never_break_the_check(tmp_path, onnx_files, seed):
    from pondera.models import _check_onnx

    data = bytearray((onnx_files[0] / "pipeline.onnx").read_bytes())
    rng = np.random.default_rng(seed)
    for i in rng.integers(0, len(data), 8):
        data[i] = rng.integers(0, 256)
    with contextlib.suppress(ValueError):
        _check_onnx(bytes(data), "m.onnx")


def test_skops_files_load_and_unknown_types_are_listed(tmp_path, frame):
    pytest.importorskip("skops")
    import skops.io
    from sklearn.linear_model import LinearRegression
    from sklearn.preprocessing import FunctionTransformer

    X, y = frame
    X = X[["a", "b", "c"]]
    model = LinearRegression().fit(X, y)
    skops.io.dump(model, tmp_path / "m.skops")
    loaded = load_model(tmp_path / "m.skops")
    np.testing.assert_array_equal(as_predict(loaded)(X), model.predict(X))
    skops.io.dump(FunctionTransformer(os.path.basename), tmp_path / "odd.skops")
    with pytest.raises(ValueError, match=r"odd.skops: holds types that are not known to be safe: posixpath.basename"):
        load_model(tmp_path / "odd.skops")
    assert load_model(tmp_path / "odd.skops", trusted=["posixpath.basename"]).func is os.path.basename
    for data in (b"", b"nonsense", (tmp_path / "m.skops").read_bytes()[:200]):
        (tmp_path / "bad.skops").write_bytes(data)
        with pytest.raises(ValueError, match=r"bad.skops: not a skops file"):
            load_model(tmp_path / "bad.skops")


class Bomb:
    def __reduce__(self):
        return os._exit, (13,)


@pytest.mark.parametrize("name", ["m.pkl", "m.pickle", "m.joblib", "m.pt", "M.PKL", "m.pth"])
def test_pickle_files_are_refused_unread(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(
        ValueError, match="pickle files run code when they are read; save the model with skops or as ONNX"
    ):
        load_model(tmp_path / name)


def test_a_pickle_under_another_name_is_not_run(tmp_path):
    pytest.importorskip("skops")
    for name in ("m.onnx", "m.skops"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(ValueError, match="path: "):
            load_model(tmp_path / name)


def test_files_that_are_missing_or_of_another_kind_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"none.onnx: cannot be read \(No such file"):
        load_model(tmp_path / "none.onnx")
    with pytest.raises(ValueError, match=r"expected a file named .onnx or .skops"):
        load_model(tmp_path / "model.json")


def test_a_missing_library_is_an_import_error_with_the_pip_line(tmp_path, monkeypatch):
    for name, module, extra in (("m.onnx", "onnxruntime", "onnx"), ("m.skops", "skops", "skops")):
        (tmp_path / name).write_bytes(b"x")
        monkeypatch.setitem(sys.modules, module, None)
        if module == "skops":
            monkeypatch.setitem(sys.modules, "skops.io", None)
        with pytest.raises(ImportError, match=rf"pip install 'pondera\[{extra}\]'"):
            load_model(tmp_path / name)
