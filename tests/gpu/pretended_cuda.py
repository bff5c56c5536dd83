"""A GPU that is not there: tensors that say ``cuda:0``, compute on the CPU, and keep count.

    import pretended_cuda  # before torch, which asks once whether there is CUDA

    with pretended_cuda.gpu() as card:
        x = torch.zeros(3, device="cuda")
        with card.counting() as count:
            (x + 1).sum().item()
    print(count.syncs, count.kernels)

Every operation that reaches torch's dispatcher is refused where CUDA would refuse it: tensors of
two devices, a nondeterministic kernel, a wait while a graph is captured. It is counted, and done on
the CPU. A wait of the host for the device counts as a synchronisation: a number that is read, a
copy to the CPU, a copy from memory that is not pinned, a result whose size depends on values.

A captured graph holds the operations with the memory that they read and wrote. A replay does them
again, on that memory; the capture itself changes nothing, as on a card. So a step that a graph
cannot repeat comes out wrong here too.

Not pretended: rounding, speed, streams, cuDNN's choices, memory that runs out.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

SHIM = Path(__file__).with_name("cuda_shim.cpp")


def _register_device() -> None:
    """Compile what torch's C++ asks, once for a version of torch, and load it with torch."""
    found = importlib.util.find_spec("torch")
    if "torch" in sys.modules or found is None or found.origin is None:
        raise ImportError("pretended_cuda must be imported before torch, which must be there")
    root = Path(found.origin).parent
    libraries = root / "lib"
    if (libraries / "libtorch_cuda.so").exists():
        raise ImportError("this torch has CUDA of its own: pretending takes one without")
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        raise ImportError("pretending a GPU takes a C++ compiler")
    text = SHIM.read_bytes() + (root / "version.py").read_bytes()
    kept = Path(tempfile.gettempdir(), f"dsd2-pretended-{hashlib.sha256(text).hexdigest()[:12]}.so")
    if not kept.exists():
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as made:
            where = [f"-I{root / 'include'}", f"-L{libraries}", f"-Wl,-rpath,{libraries}"]
            command = [compiler, "-std=c++20", "-O0", "-shared", "-fPIC", *where, str(SHIM)]
            subprocess.run([*command, "-o", made.name, "-lc10", "-ltorch_cpu"], check=True)
            Path(made.name).rename(kept)
    for library in (libraries / "libc10.so", libraries / "libtorch_cpu.so", kept):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


_register_device()

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_flatten, tree_map  # noqa: E402

NAME = "pretended GPU"
CUDA = torch.device("cuda", 0)
NONDETERMINISTIC = {
    "_adaptive_avg_pool2d_backward",
    "adaptive_max_pool2d_backward",
    "grid_sampler_2d_backward",
    "nll_loss2d_forward",
    "reflection_pad1d_backward",
    "replication_pad2d_backward",
    "scatter_reduce",
    "histc",
    "upsample_bilinear2d_backward",
}
"""Some of what libtorch_cuda.so refuses in deterministic mode."""
COPIES = ("copy_", "_to_copy", "_foreach_copy_")
NO_KERNEL = (
    "empty",
    "new_empty",
    "detach",
    "view",
    "alias",
    "lift_fresh",
    "set_",
    "_reshape_alias",
)
KERNELS = {
    "convolution": lambda args: 1 + (args[2] is not None),
    "convolution_backward": lambda args: sum(args[-1]),
    "native_batch_norm": lambda args: 2,
    "native_batch_norm_backward": lambda args: 2,
    "max_pool2d_with_indices_backward": lambda args: 2,
    "index_put_": lambda args: 8,
    "nonzero": lambda args: 3,
}
"""Operations that take another number of kernels than one."""


class DeviceMixUpError(RuntimeError):
    """Tensors of two devices in one operation."""


class RefusedError(RuntimeError):
    """What CUDA would refuse for another reason."""


class CudaTensor(Tensor):
    """A tensor of the pretended GPU; what it holds lies on the CPU."""

    @staticmethod
    def __new__(cls, held):
        wrapper = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=CUDA,
            requires_grad=False,
        )
        wrapper.held = held
        return wrapper

    @property
    def data(self):
        with torch.no_grad():
            return self.detach()

    @data.setter
    def data(self, other):
        if not isinstance(other, CudaTensor):
            raise DeviceMixUpError(f"parameter.data = a tensor on {other.device}")
        Tensor.data.__set__(self, other)
        self.held = other.held

    def numpy(self, *_):
        raise RefusedError("can't convert cuda:0 device type tensor to numpy")

    def tolist(self):
        return self.cpu().tolist()

    def __repr__(self, **_):
        return f"CudaTensor({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _dispatch(operation, args, kwargs or {})


@dataclass
class Count:
    """Synchronisations by kind and line, kernels and replays of graphs in a block."""

    syncs: Counter = field(default_factory=Counter)
    kernels: Counter = field(default_factory=Counter)
    replays: int = 0


class Graph:
    """A captured graph: operations with the memory that they read and write."""

    def __init__(self) -> None:
        self.steps = []
        self.before = {}
        self.made = set()

    def record(self, operation, args, kwargs, outputs) -> None:
        inputs = {t.untyped_storage().data_ptr() for t in _tensors((args, kwargs))}
        new = [t for t in _tensors(outputs) if t.untyped_storage().data_ptr() not in inputs]
        self.made |= {t.untyped_storage().data_ptr() for t in new}
        self.steps.append((operation, args, kwargs, outputs))

    def remember(self, tensors) -> None:
        """Keep what stands in memory that the graph did not make, to put it back."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self.made and storage.data_ptr() not in self.before:
                self.before[storage.data_ptr()] = (storage, storage.clone())

    def replay(self) -> None:
        for count in _counts:
            count.replays += 1
        for operation, args, kwargs, outputs in self.steps:
            inputs = {t.untyped_storage().data_ptr() for t in _tensors((args, kwargs))}
            again = operation(*args, **kwargs)
            for old, new in zip(_tensors(outputs), _tensors(again), strict=True):
                if old.untyped_storage().data_ptr() not in inputs:
                    old.copy_(new)


_counts: list[Count] = []
_capturing: list[Graph] = []


@contextmanager
def _capture(graph, **_):
    state = torch.get_rng_state()
    _capturing.append(graph)
    try:
        yield
    finally:
        _capturing.pop()
        for storage, content in graph.before.values():
            storage.copy_(content)
        torch.set_rng_state(state)


def _tensors(tree):
    return [t for t in tree_flatten(tree)[0] if isinstance(t, Tensor)]


def _where() -> str:
    frames = [f for f in traceback.extract_stack() if "/dsd2/" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


def _sync(kind: str) -> None:
    if _capturing:
        raise RefusedError(f"operation not permitted when stream is capturing ({kind})")
    for count in _counts:
        count.syncs[kind, _where()] += 1


def _check(name, operation, args, flat) -> None:
    """Refuse tensors of two devices as CUDA does; say which indices are copied."""
    cpu = [t for t in flat if not isinstance(t, CudaTensor)]
    if not cpu or len(cpu) == len(flat) or name in COPIES:
        return
    if name in ("index", "index_put_", "_index_put_impl_") and isinstance(args[0], CudaTensor):
        for index in args[1]:
            if isinstance(index, Tensor) and not isinstance(index, CudaTensor):
                _sync("to-device")
        cpu = [t for t in _tensors(args[2:]) if not isinstance(t, CudaTensor) and t.dim()]
        if not cpu:
            return
    broadcasts = torch.Tag.pointwise in operation.tags or name in ("where", "masked_fill")
    if any(t.dim() for t in cpu) or not broadcasts:
        shapes = [(tuple(t.shape), str(t.device)) for t in flat]
        raise DeviceMixUpError(f"{operation}: tensors of two devices: {shapes}")


def _count_syncs(name, args, kwargs, to_gpu) -> None:
    first = args[0] if args else None
    deterministic = torch._C._get_deterministic_algorithms()
    if name in ("_local_scalar_dense", "item", "equal", "is_nonzero"):
        _sync("item")
    elif name in ("nonzero", "masked_select", "_unique2", "repeat_interleave"):
        _sync("nonzero")
    elif name == "index":
        for index in args[1]:
            if isinstance(index, CudaTensor) and index.dtype in (torch.bool, torch.uint8):
                _sync("nonzero")
    elif name in ("index_put_", "_index_put_impl_", "index_put") and deterministic:
        _sync("index_put")
    elif name in ("_to_copy", "copy_"):
        source, target_on_gpu = (
            (args[1], isinstance(first, CudaTensor))
            if name == "copy_"
            else (
                first,
                to_gpu,
            )
        )
        if isinstance(source, CudaTensor) == target_on_gpu:
            return
        waits_not = kwargs.get("non_blocking") or (name == "copy_" and len(args) > 2 and args[2])
        pinned = target_on_gpu and getattr(source, "pinned", False)
        if not (waits_not and pinned):
            _sync("to-device" if target_on_gpu else "to-host")


def _kernels(name, operation, args, result) -> int:
    if name in KERNELS:
        return int(KERNELS[name](args))
    if operation.is_view or name.startswith(NO_KERNEL):
        return 0
    return int(any(t.numel() for t in _tensors(result)))


def _dispatch(operation, args, kwargs):
    name = operation._schema.name.removeprefix("aten::")
    flat = _tensors((args, kwargs))
    on_gpu = any(isinstance(t, CudaTensor) for t in flat)
    target = kwargs.get("device")
    asked = target is not None and torch.device(target).type == "cuda"
    if not on_gpu and not asked:
        return operation(*args, **kwargs)
    _check(name, operation, args, flat)
    if torch._C._get_deterministic_algorithms() and name in NONDETERMINISTIC:
        raise RefusedError(f"{name} does not have a deterministic implementation")
    to_gpu = asked or (on_gpu and target is None)
    _count_syncs(name, args, kwargs, to_gpu)
    if name == "is_pinned":
        return False
    hold = lambda t: t.held if isinstance(t, CudaTensor) else t  # noqa: E731
    inner = {**kwargs, "device": torch.device("cpu")} if target is not None else kwargs
    held_args, held_kwargs = tree_map(hold, args), tree_map(hold, inner)
    graph = _capturing[-1] if _capturing else None
    if graph:
        graph.remember(t.held for t in flat if isinstance(t, CudaTensor))
    result = operation(*held_args, **held_kwargs)
    if graph:
        graph.record(operation, held_args, held_kwargs, result)
    if name == "copy_" and not isinstance(args[0], CudaTensor):
        return args[0]
    for count in _counts:
        if number := _kernels(name, operation, args, result):
            count.kernels[name] += number
    # What is changed in place comes back as the object that was given.
    given = {id(hold(t)): t for t in flat if isinstance(t, CudaTensor)}
    for wrapper in given.values():
        if (wrapper.shape, wrapper.stride()) != (wrapper.held.shape, wrapper.held.stride()):
            Tensor.data.__set__(wrapper, CudaTensor(wrapper.held))
    if not to_gpu:
        return result

    def wrap(t):
        return given[id(t)] if id(t) in given else CudaTensor(t) if isinstance(t, Tensor) else t

    return tree_map(wrap, result)


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return _dispatch(operation, args, kwargs or {})


class Card:
    """What a test asks of the pretended GPU.

    Attributes:
        free: bytes of its memory that are free.
        peak: bytes that it says were taken at most.
    """

    free = 70 * 2**30
    peak = 123_456_789

    @contextmanager
    def counting(self):
        """Count what happens in a block."""
        count = Count()
        _counts.append(count)
        try:
            yield count
        finally:
            _counts.remove(count)


@contextmanager
def gpu():
    """Make torch believe in one GPU."""
    card = Card()
    answers = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda device: None,
        "synchronize": lambda device=None: None,
        "get_device_name": lambda device=None: NAME,
        "mem_get_info": lambda device=None: (card.free, 80 * 2**30),
        "max_memory_allocated": lambda device=None: card.peak,
        "max_memory_reserved": lambda device=None: card.peak,
        "reset_peak_memory_stats": lambda device=None: None,
        "is_bf16_supported": lambda including_emulation=True: True,
        "_lazy_init": lambda: None,
        # The CPU's generator draws for both.
        "manual_seed_all": lambda seed: None,
        "manual_seed": lambda seed: None,
        "CUDAGraph": Graph,
        "graph": _capture,
    }

    def pinned(tensor, *_):
        copy = tensor.clone()
        copy.pinned = True
        return copy

    made = torch.tensor

    def tensor(data, *, device=None, **more):
        if device is not None and torch.device(device).type == "cuda":
            return made(data, **more).to(device)
        return made(data, **({} if device is None else {"device": device}), **more)

    with ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, answer))
        stack.enter_context(mock.patch.object(Tensor, "pin_memory", pinned))
        stack.enter_context(mock.patch.object(torch, "tensor", tensor))
        # Module.to would otherwise put a wrapper's metadata into a parameter that holds nothing.
        overwrite = torch.__future__.set_overwrite_module_params_on_conversion
        overwrite(True)
        stack.callback(overwrite, False)
        stack.enter_context(_Mode())
        yield card
