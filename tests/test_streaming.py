"""Shards served by a plain HTTP server are read by public loaders as if they lay on the disk."""

import contextlib
import functools
import http.server
import shutil
import tarfile
import threading
import urllib.request

import numpy as np
import pytest
import webdataset
from made_scenes import made_dataset

from pipeline.storage import read_json

TARS = ["genb-000000.tar", "genb-000001.tar"]
BRACES = "genb-{000000..000001}.tar"


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; the connection breaks in the middle of files named in `broken`."""

    broken: tuple[str, ...] = ()

    def log_message(self, *_):
        pass

    def copyfile(self, source, outputfile):
        data = source.read()
        if self.path.rpartition("/")[2] in self.broken:
            data, self.close_connection = data[: len(data) // 2], True
        # A loader that wants the first bytes only hangs up on the others.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            outputfile.write(data)


@pytest.fixture(scope="module")
def dataset(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made").plan.out


@pytest.fixture
def serve(monkeypatch):
    """serve(folder, broken=()) -> URL of the folder."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(folder, broken=()):
        handler = type("Handler", (Files,), {"broken": tuple(broken)})
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=["curl", "pipe", "urllib"])
def webdataset_url(request, monkeypatch):
    """A way to give webdataset the URL of a server: its own, as its manual says, without curl."""
    if request.param == "urllib":
        from webdataset.gopen import gopen_schemes

        monkeypatch.setitem(gopen_schemes, "http", lambda url, *_: urllib.request.urlopen(url))
    elif not shutil.which("curl"):
        pytest.skip("webdataset opens http: with the program curl, which is not installed")
    return lambda url: f"pipe:curl -s -f -L {url}" if request.param == "pipe" else url


def decoded(url):
    reader = webdataset.WebDataset(url, shardshuffle=False).decode("pil")
    return {sample["__key__"]: sample for sample in reader}


def equal(one, other):
    """Whether two decoded members are the same; images by their pixels."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype == object:
        return equal(one.tolist(), other.tolist())
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def test_webdataset_streams_the_same_samples(dataset, serve, webdataset_url):
    streamed = decoded(webdataset_url(f"{serve(dataset)}/shards/{BRACES}"))
    local = decoded([str(dataset / "shards" / tar) for tar in TARS])
    assert list(streamed) == list(local) and len(local) == 3
    for key, sample in local.items():
        members = {name for name in sample if not name.startswith("__")}
        assert members == {name for name in streamed[key] if not name.startswith("__")}
        for name in members:
            assert equal(streamed[key][name], sample[name]), (key, name)


def test_webdataset_raises_when_the_transfer_breaks(dataset, serve, webdataset_url):
    url = webdataset_url(f"{serve(dataset, broken=[TARS[1]])}/shards/{BRACES}")
    with pytest.raises(Exception, match="exit 18|unexpected end of data|IncompleteRead"):
        decoded(url)


@pytest.fixture
def stream(monkeypatch):
    """stream(urls) -> samples by key, as `datasets` streams them, without waiting to try again."""
    pytest.importorskip("aiohttp", reason="datasets opens http: with aiohttp: pip install aiohttp")
    import datasets

    datasets.utils.logging.disable_progress_bar()
    monkeypatch.setattr(datasets.config, "STREAMING_READ_MAX_RETRIES", 1)
    monkeypatch.setattr(datasets.config, "STREAMING_READ_RETRY_INTERVAL", 0)

    def rows(urls):
        read = datasets.load_dataset(
            "webdataset", data_files={"train": urls}, split="train", streaming=True
        )
        return {row["__key__"]: row for row in read.with_format("numpy")}

    return rows


def test_hugging_face_datasets_streams_the_same_samples(dataset, serve, stream):
    base = serve(dataset)
    streamed = stream([f"{base}/shards/{tar}" for tar in TARS])
    local = stream([str(dataset / "shards" / tar) for tar in TARS])
    assert list(streamed) == list(local) and len(local) == 3
    for key, sample in local.items():
        for name in set(sample) - {"__key__", "__url__"}:
            assert equal(streamed[key][name], sample[name]), (key, name)


def test_hugging_face_datasets_raises_when_the_transfer_breaks(dataset, serve, stream):
    base = serve(dataset, broken=[TARS[1]])
    with pytest.raises(Exception, match="Disconnected|unexpected end of data|payload"):
        stream([f"{base}/shards/{tar}" for tar in TARS])


def test_the_index_alone_is_enough_to_choose_shards(dataset, serve, tmp_path):
    """Without a single tar: which shards hold the images of a query, over HTTP."""
    import pandas

    base = serve(dataset)
    target = tmp_path / "index.parquet"
    with urllib.request.urlopen(f"{base}/index.parquet") as answer:
        target.write_bytes(answer.read())
    people = pandas.read_parquet(target)
    chosen = people[people.scene == 2]
    (shard,) = chosen.shard.unique()
    url = f"{base}/shards/{shard}"
    with (
        urllib.request.urlopen(url) as answer,
        tarfile.open(fileobj=answer, mode="r|") as tar,
    ):
        names = tar.getnames()
    assert set(chosen.key) <= {name.partition(".")[0] for name in names}


def test_a_shard_that_ends_between_samples_is_told_by_dataset_json_only(dataset, tmp_path):
    """No loader can see it: half an upload that ends between two samples is a shorter tar."""
    whole = dataset / "shards" / TARS[0]
    with tarfile.open(whole) as tar:
        ends = next(m.offset for m in tar if m.name.startswith("000000_0001."))
    cut = tmp_path / TARS[0]
    cut.write_bytes(whole.read_bytes()[:ends])
    listed = read_json(dataset / "dataset.json")["shards"][0]["samples"]
    assert list(decoded([str(cut)])) == listed[:1] != listed
