"""Versions that somebody with bad intentions put into the registry: code in every disguise."""

import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np

from retention_ml.models.bundle.bundle import digest

Files = dict[str, bytes]
BUNDLE = "artifacts/bundle/"


class _Deed:
    """Makes a folder when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.makedirs, (self.canary, 0o777, True)


def _source(canary: Path) -> bytes:
    return f"import os\nos.makedirs({str(canary)!r}, exist_ok=True)\n".encode()


def _pickled(canary: Path, protocol: int = 5) -> bytes:
    return pickle.dumps(_Deed(canary), protocol)


def _cloudpickled(canary: Path) -> bytes:
    return cloudpickle.dumps(_Deed(canary))


def _joblib(canary: Path) -> bytes:
    into = io.BytesIO()
    joblib.dump({"model": _Deed(canary)}, into)
    return into.getvalue()


def _numpy(canary: Path) -> bytes:
    into = io.BytesIO()
    np.save(into, np.array([_Deed(canary)], dtype=object), allow_pickle=True)
    return into.getvalue()


def _zipped(name: str, content: bytes, **others: str) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr(name, content)
        for other, text in others.items():
            archive.writestr(f"{other}.json", text)
    return into.getvalue()


def _mlmodel(**flavors: Mapping[str, object]) -> bytes:
    return json.dumps({"flavors": flavors, "model_uuid": "0" * 32, "run_id": "r"}).encode()


def _pyfunc(loader: str, **more: object) -> bytes:
    return _mlmodel(python_function={"loader_module": loader, "python_version": "3.11", **more})


def payloads(sound: Mapping[str, bytes]) -> dict[str, Callable[[Path], Files]]:
    """By name: the files of a version that runs code when it is loaded carelessly, given a canary.

    Parameters
    ----------
    sound : mapping of str to bytes
        A sound bundle, which most of them resemble.
    """
    weights = next(name for name in sound if name != "manifest.json")
    manifest = json.loads(sound["manifest.json"])

    def with_bundle(**changed: bytes) -> Files:
        named = {
            name.replace("__py", ".py").replace("__pkl", ".pkl"): text
            for name, text in changed.items()
        }
        return {BUNDLE + name: text for name, text in {**sound, **named}.items()}

    def instead(name: str, text: bytes) -> Files:
        return {
            BUNDLE + each: text if each == name else original for each, original in sound.items()
        }

    def with_manifest(canary: Path, **entries: object) -> Files:
        return with_bundle(evil__py=_source(canary)) | {
            BUNDLE + "manifest.json": json.dumps({**manifest, **entries}).encode()
        }

    return {
        "a scikit-learn pickle": lambda canary: {
            "MLmodel": _mlmodel(sklearn={"pickled_model": "model.pkl"}),
            "model.pkl": _pickled(canary),
        },
        "a python_model.pkl of MLflow": lambda canary: {
            "MLmodel": _pyfunc("mlflow.pyfunc.model", python_model="python_model.pkl"),
            "python_model.pkl": _cloudpickled(canary),
        },
        "a cloudpickle with an empty bundle beside it": lambda canary: {
            "python_model.pkl": _cloudpickled(canary),
            BUNDLE + "manifest.json": b"{}",
        },
        "a joblib file": lambda canary: {"model.joblib": _joblib(canary)},
        "a skops file with a pickle": lambda canary: {
            "model.skops": _zipped("data.pkl", _pickled(canary), schema='{"__loader__": "MethodNode"}')
        },
        "a torch archive": lambda canary: {"model.pth": _zipped("data.pkl", _pickled(canary))},
        "a NumPy array of objects": lambda canary: {"weights.npy": _numpy(canary)},
        "a loader module of its own": lambda canary: {
            "MLmodel": _pyfunc("evil", code="code"),
            "code/evil.py": _source(canary),
        },
        "a loader module that is a path": lambda canary: {
            "MLmodel": _pyfunc("../../code/evil", code="../code"),
            "code/evil.py": _source(canary),
        },
        "a model from code": lambda canary: {
            "MLmodel": _pyfunc("mlflow.pyfunc.model", model_code_path="model.py"),
            "model.py": _source(canary),
        },
        "requirements that install code": lambda canary: {
            "requirements.txt": b"./evil\n",
            "evil/setup.py": _source(canary),
        },
        "YAML that builds objects": lambda canary: {
            "MLmodel": f"!!python/object/apply:os.makedirs [{str(canary)!r}]\n".encode(),
            "model.pkl": _pickled(canary),
        },
        "a pickle for a manifest": lambda canary: instead("manifest.json", _pickled(canary)),
        "a pickle for weights": lambda canary: instead(weights, _pickled(canary)),
        "a pickle of protocol 0, plain text, for weights": lambda canary: instead(
            weights, _pickled(canary, 0)
        ),
        "a joblib file for weights": lambda canary: instead(weights, _joblib(canary)),
        "a pickle among the files of the bundle": lambda canary: with_bundle(
            model__pkl=_pickled(canary)
        ),
        "modules among the files of the bundle": lambda canary: with_bundle(
            **{name: _source(canary) for name in ("json__py", "numpy__py", "sitecustomize__py")}
        ),
        "a package under the bundle": lambda canary: {
            **with_bundle(),
            BUNDLE + "retention_ml/__init__.py": _source(canary),
        },
        "a manifest whose kind is a module": lambda canary: with_manifest(canary, kind="evil"),
        "a manifest whose kind is a path": lambda canary: with_manifest(canary, kind="../bundle/evil.py"),
        "a manifest that asks for a loader": lambda canary: with_manifest(
            canary, loader_module="evil", __reduce__=["os.makedirs", [str(canary)]]
        ),
        "a tree model that is a pickle": lambda canary: {
            BUNDLE + "manifest.json": json.dumps({**manifest, "kind": "trees"}).encode(),
            BUNDLE + "model_0.lgb": _pickled(canary),
        },
        "a member of a blend whose name is a path": lambda canary: {
            BUNDLE + "manifest.json": json.dumps({**manifest, "kind": "blend"}).encode(),
            BUNDLE + "evil.pkl": _pickled(canary),
            BUNDLE + "blend.json": json.dumps(
                {
                    "intercept": 0,
                    "members": [
                        {
                            "name": "../bundle/evil.pkl", "kind": "linear", "weight": 1, "slope": 1,
                            "features": manifest["features"],
                        }
                    ],
                }
            ).encode(),
        },
    }  # fmt: skip


def sha256_of(files: Files) -> str:
    """The digest that the bundle among the files has, so that it contradicts nothing."""
    bundle = {
        name.removeprefix(BUNDLE): text for name, text in files.items() if name.startswith(BUNDLE)
    }
    return digest(bundle) if bundle else hashlib.sha256(repr(sorted(files)).encode()).hexdigest()


def load_carelessly(files: Files) -> None:
    """The negative control: whatever can be unpickled is, whatever is Python is run."""
    for name, text in files.items():
        if name.endswith(".py"):
            exec(compile(text, name, "exec"), {})
            continue
        if zipfile.is_zipfile(io.BytesIO(text)):
            text = zipfile.ZipFile(io.BytesIO(text)).read("data.pkl")
        for load in (pickle.loads, _load_numpy, _load_joblib):
            try:
                load(text)
            except Exception:
                continue


def _load_numpy(text: bytes) -> None:
    np.load(io.BytesIO(text), allow_pickle=True)


def _load_joblib(text: bytes) -> None:
    joblib.load(io.BytesIO(text))
