"""The device through the driver, up to the driver's doors, and arrays on it: NumPy, DLPack, shared variables."""
from __future__ import annotations

import copy
import gc
import os
import pickle
import threading
import weakref

import fake_cuda
import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.codegen.target import KernelUnit
from symtensor.compile.mode import Mode
from symtensor.runtime.cuda import array, compiler, dlpack, driver, pycuda_device
from symtensor.runtime.cuda.array import DeviceArray
from symtensor.runtime.cuda.device import use


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return fake_cuda.opened(fake_cuda.built(tmp_path_factory.mktemp("fake")))


@pytest.fixture
def fake(world):
    yield world[0]
    world[0].library.fake_fault = 0
    world[0].library.fake_room = 1 << 40
    world[0].library.fake_pinned = 0


@pytest.fixture
def device(world, fake):
    fake.log()
    return world[1]


@pytest.fixture(autouse=True)
def image(monkeypatch):
    monkeypatch.setattr(compiler, "image", lambda text, capability: b"\x7fELF")


# ------------------------------------------------------------------------------------------------------- the device


def test_the_device(fake, device):
    assert device.name == "cuda0: Host memory" and device.multiprocessors == 7 and device.capability == (9, 0)
    x = np.arange(5, dtype="float32")
    before = device.memory()["used"]
    address = device.alloc(x.nbytes)
    other = device.alloc(x.nbytes)
    device.to_device(address, x.ctypes.data, x.nbytes)
    device.copy(other, address, x.nbytes)
    unit = KernelUnit("a text that no other test has", ("k0", "k1"))
    loaded = device.load(unit)
    assert device.load(KernelUnit("a text that no other test has", ("k0", "k1"))) is loaded
    values = driver.ffi.new("unsigned long long *", other), driver.ffi.new("long long *", 5)
    args = driver.ffi.new("void *[]", list(values))
    device.launch(loaded, 0, (3, 1, 1), (32, 2, 1), int(driver.ffi.cast("intptr_t", args)))
    y = np.empty_like(x)
    device.to_host(y.ctypes.data, other, y.nbytes)
    np.testing.assert_array_equal(y, 2 * x + 1)
    device.synchronize()
    assert fake.log() == ["to device 20 0x5100", "copy 20 0x5100", "load 0", "launch k0 3,1,1 32,2,1 0 0x5100",
                          "to host 20 0x5100", "wait 0x5100", "wait 0x5100"]
    for place in (address, other):
        device.free(place)
    assert device.memory()["used"] == before and device.memory()["kept"] >= 40
    device.release()
    assert device.memory()["kept"] == 0 and fake.library.fake_taken == before
    assert fake.library.fake_depth() == 0  # the thread's contexts are as they were


def test_nothing_is_copied_where_there_is_nothing(fake, device):
    address = device.alloc(0)
    device.to_device(address, 0, 0)
    device.copy(address, address, 0)
    device.free(address)
    assert fake.log() == []


def test_pinned_memory_is_waited_for(fake, device):
    x = np.zeros(2)
    address = device.alloc(16)
    fake.library.fake_pinned = x.ctypes.data
    device.to_device(address, x.ctypes.data, 16)
    assert fake.log() == ["to device 16 0x5100", "wait 0x5100"]
    device.free(address)


def test_other_threads(device):
    found = []

    def work():
        found.append(DeviceArray.from_host(device, np.arange(3)).get().tolist())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [[0, 1, 2]]


def test_what_needs_memory_beside_the_pool_gets_what_the_pool_keeps(fake, device):
    address = device.alloc(3000)
    device.free(address)
    fake.library.fake_room = fake.library.fake_taken + 1000
    asked = []

    def work():
        asked.append(fake.library.fake_room - fake.library.fake_taken)
        if asked[-1] < 2000:
            raise MemoryError("no room beside the pool")
        return "done"

    assert device.with_room(work) == "done" and len(asked) == 2
    fake.library.fake_room = fake.library.fake_taken
    with pytest.raises(MemoryError, match="beside the pool"):
        device.with_room(work)


def test_failures(fake, device):
    fake.library.fake_room = 1000
    with pytest.raises(MemoryError, match=r"cuda0: Host memory: no room for 5000 bytes: \d+ of 1000 bytes are free"):
        device.alloc(5000)
    assert fake.library.fake_depth() == 0
    with pytest.raises(driver.CudaError, match="cuModuleGetFunction: CUDA_ERROR_SOME, some error") as caught:
        device.load(KernelUnit("other text", ("missing",)))
    assert caught.value.code == 500
    loaded = device.load(KernelUnit("the text", ("k0", "k1")))
    with pytest.raises(driver.CudaError, match="cuLaunchKernel"):
        device.launch(loaded, 0, (1, 70000, 1), (32, 1, 1), 0)
    device.launch(loaded, 1, (1, 1, 1), (32, 1, 1), 0)
    with pytest.raises(driver.KernelFault, match="ILLEGAL_ADDRESS, an illegal memory access was encountered: what the "
                                                 "process had on the device is lost; start a new process"):
        device.synchronize()
    assert fake.library.fake_depth() == 0


def test_what_codes_mean(device):
    kinds = {2: MemoryError, 36: driver.Unavailable, 100: driver.Unavailable, 1: driver.CudaError, 214:
             driver.DeviceLost, 719: driver.KernelFault}
    for code, kind in kinds.items():
        assert type(device.driver.error("cuFoo", code)) is kind
    assert issubclass(driver.CudaError, RuntimeError)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told(device, monkeypatch):
    monkeypatch.setitem(pycuda_device._opened, 0, device)
    process = os.fork()
    if not process:
        try:
            device.alloc(4)
        except driver.Unavailable as error:
            os._exit(0 if "forked" in str(error) and "spawn" in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitpid(process, 0)[1] == 0
    device.free(device.alloc(4))


# ----------------------------------------------------------------------------------------------------------- arrays


@pytest.mark.parametrize("x", [np.arange(6, dtype="float32").reshape(2, 3), np.float64(3), np.zeros((2, 0, 3), "int8"),
                               np.array([True, False]), np.arange(3) + 1j, np.arange(12.0).reshape(3, 4).T[::-1]],
                         ids=lambda x: f"{x.dtype}{x.shape}")
def test_there_and_back(device, x):
    a = DeviceArray.from_host(device, x)
    for back in (a.get(), np.asarray(a), np.array(a), pickle.loads(pickle.dumps(a)), a.copy().get(),
                 copy.deepcopy(a).get(), copy.copy(a).get()):
        assert type(back) is np.ndarray and back.dtype == x.dtype
        np.testing.assert_array_equal(back, x)
    assert (a.shape, a.dtype, a.ndim, a.size, a.nbytes) == (x.shape, x.dtype, x.ndim, x.size, x.nbytes)
    assert a.strides == np.empty(x.shape, x.dtype).strides or not x.size
    assert str(a) == str(np.asarray(x)) and "cuda0: Host memory" in repr(a) and repr(a).startswith("DeviceArray(")


def test_copies_are_apart(device):
    a = DeviceArray.from_host(device, np.zeros(3))
    b = copy.deepcopy(a)
    b.set(np.ones(3))
    np.testing.assert_array_equal(a.get(), np.zeros(3))
    for wrong in (np.ones(2), np.ones(3, "float32")):
        with pytest.raises(ValueError, match="cannot copy"):
            a.set(wrong)
    with pytest.raises(ValueError, match="without a copy"):
        a.__array__(copy=False)
    assert np.asarray(a, "float32").dtype == "float32" and len(a) == 3
    with pytest.raises(TypeError):
        len(DeviceArray.from_host(device, np.zeros(())))


def test_memory_goes_back(device):
    gc.collect()
    used = device.memory()["used"]
    a = DeviceArray.from_host(device, np.zeros(100))
    view = DeviceArray(device, a.address, (10,), "float64", a.owner)
    assert device.memory()["used"] == used + 800
    del a
    assert device.memory()["used"] == used + 800
    del view
    assert device.memory()["used"] == used


def test_the_interface_of_cuda(device):
    a = DeviceArray.from_host(device, np.zeros((2, 3), "float32"))
    assert a.__cuda_array_interface__ == {
        "version": 3, "shape": (2, 3), "typestr": "<f4", "strides": None, "data": (a.address, False), "stream": 1}
    empty = DeviceArray.from_host(device, np.zeros((0, 3), "float32"))
    assert empty.__cuda_array_interface__["data"] == (0, False)


class OnHost:
    """The fake device's memory is the host's: its capsules, said to be NumPy's."""

    def __init__(self, a):
        self.a = a

    def __dlpack_device__(self):
        return dlpack.CPU, 0

    def __dlpack__(self, **kwargs):
        a = self.a
        return dlpack.exported(a, a.address, a.shape, a.dtype, (dlpack.CPU, 0))


class OnCuda:
    """The other way around: an array of NumPy's, said to be on the device."""

    def __init__(self, x):
        self.x = x

    def __dlpack_device__(self):
        return dlpack.CUDA, 0

    def __dlpack__(self, stream=None):
        assert stream == 1
        return self.x.__dlpack__()


@pytest.mark.parametrize("x", [np.arange(6, dtype="float32").reshape(2, 3), np.array(3.0), np.zeros((2, 0, 3), "int8"),
                               np.arange(3, dtype="uint16"), np.arange(3) + 1j, np.ones((3, 1, 2), "float16")],
                         ids=lambda x: f"{x.dtype}{x.shape}")
def test_dlpack(device, x):
    a = DeviceArray.from_host(device, x)
    alive = weakref.ref(a)
    seen = np.from_dlpack(OnHost(a))
    assert seen.dtype == x.dtype and seen.shape == x.shape
    np.testing.assert_array_equal(seen, x)
    assert seen.ctypes.data == a.address or not x.size
    del a
    gc.collect()
    assert alive() is not None  # the consumer keeps it
    del seen
    gc.collect()
    assert alive() is None
    taken = array.from_dlpack(device, OnCuda(x))
    np.testing.assert_array_equal(taken.get(), x)
    assert taken.address == x.ctypes.data or not x.size


def test_dlpack_between_devices(fake, device, monkeypatch):
    a = DeviceArray.from_host(device, np.arange(3.0))
    assert a.__dlpack_device__() == (2, 0)
    fake.log()
    capsule = a.__dlpack__()
    again = DeviceArray(device, *dlpack.imported(capsule))
    assert again.address == a.address and fake.log() == []
    with pytest.raises(BufferError, match="has been used"):
        dlpack.imported(capsule)
    assert DeviceArray(device, *dlpack.imported(a.__dlpack__(copy=True))).address != a.address
    a.__dlpack__(stream=77)
    assert "wait 0x5100" in fake.log()
    everybody = []  # whom a stream of somebody's has to wait for before the memory goes back
    with monkeypatch.context() as patch:
        patch.setattr(device, "synchronize_all", lambda: everybody.append(a.address))
        DeviceArray(device, *dlpack.imported(a.__dlpack__(stream=77)))
        assert everybody == [a.address]
        DeviceArray(device, *dlpack.imported(a.__dlpack__()))
        assert len(everybody) == 1
    fake.log()
    taken = array.from_dlpack(device, OnCuda(np.arange(3.0)))
    assert fake.log() == []
    del taken
    assert fake.log() == ["wait 0x5100"]
    a.__dlpack__(stream=-1, max_version=(1, 0), dl_device=(2, 0))
    assert fake.log() == []
    with pytest.raises(BufferError, match="cannot go to device"):
        a.__dlpack__(dl_device=(2, 1))
    a.__dlpack__(dl_device=(1, 0))  # copied to the host
    with pytest.raises(BufferError, match="is on device .* not on cuda0"):
        array.from_dlpack(device, np.zeros(3))
    with pytest.raises(BufferError, match="not in C order"):
        array.from_dlpack(device, OnCuda(np.zeros((3, 2)).T))
    count = len(dlpack._given)
    a.__dlpack__()  # nobody takes it
    gc.collect()
    assert len(dlpack._given) == count


# ------------------------------------------------------------------------------------------------- shared variables


def test_values_of_shared_variables(device):
    x = np.arange(6, dtype="float32").reshape(2, 3)
    s = symtensor.shared(x, "s")
    a = DeviceArray.from_host(device, x)
    s.set_value(a, borrow=True)
    assert s.container.value is a
    inner = s.get_value(borrow=True, return_internal_type=True)
    assert inner is a
    own = s.get_value(return_internal_type=True)
    assert isinstance(own, DeviceArray) and own.address != a.address
    for value in (s.get_value(), s.get_value(borrow=True)):
        assert type(value) is np.ndarray
        np.testing.assert_array_equal(value, x)
    for other in (copy.deepcopy(s), s.clone(), pickle.loads(pickle.dumps(s))):
        np.testing.assert_array_equal(other.get_value(), x)
    assert type(pickle.loads(pickle.dumps(s)).container.value) is np.ndarray
    assert copy.deepcopy(s).container.value.address != a.address
    s.set_value(a)  # a copy, on the device
    assert s.container.value is not a and isinstance(s.container.value, DeviceArray)
    s.set_value(x + 1)
    assert type(s.container.value) is np.ndarray
    for wrong in (DeviceArray.from_host(device, np.zeros(3, "float32")), DeviceArray.from_host(device, x + 0j)):
        with pytest.raises(TypeError):
            s.set_value(wrong)
    s.set_value(DeviceArray.from_host(device, np.ones((2, 3), "int8")))  # another dtype: converted, on the host
    assert s.get_value(borrow=True).dtype == "float32" and type(s.container.value) is np.ndarray


def test_zero(device):
    s = symtensor.shared(np.ones(3))
    a = DeviceArray.from_host(device, np.ones(3))
    s.set_value(a, borrow=True)
    s.zero()
    assert s.get_value().tolist() == [0, 0, 0] and a.get().tolist() == [1, 1, 1]
    s.set_value(a, borrow=True)
    s.zero(borrow=True)
    assert a.get().tolist() == [0, 0, 0] and s.container.value is a


def test_broadcastable_values(device):
    s = symtensor.shared(np.ones((1, 3)), broadcastable=(True, False))
    s.set_value(DeviceArray.from_host(device, np.zeros((1, 3))))
    assert isinstance(s.container.value, DeviceArray)
    with pytest.raises(TypeError):
        s.set_value(DeviceArray.from_host(device, np.zeros((2, 3))))


def test_shared_of_an_array_on_the_device(device):
    a = DeviceArray.from_host(device, np.arange(3.0))
    s = symtensor.shared(a, "s")
    assert str(s.type) == "TensorType(float64, vector)" and isinstance(s.container.value, DeviceArray)
    assert s.container.value is not a
    assert symtensor.shared(a, borrow=True).container.value is a


@pytest.mark.parametrize("mode", ["cvm", "py", "FAST_COMPILE"])
def test_functions_of_the_host_meet_them(device, mode):
    mode = mode if mode.isupper() else Mode(mode, "fast_run")
    s = symtensor.shared(np.arange(3.0), "s")
    x = T.dvector("x")
    read = symtensor.function([x], s + x, mode=mode)
    write = symtensor.function([x], [], updates=[(s, s * x)], mode=mode)
    a = DeviceArray.from_host(device, np.arange(3.0))
    s.set_value(a, borrow=True)
    np.testing.assert_array_equal(read(np.ones(3)), [1, 2, 3])
    np.testing.assert_array_equal(read(a), [0, 2, 4])  # as an argument too
    write(np.full(3, 2.0))
    np.testing.assert_array_equal(s.get_value(), [0, 2, 4])
    np.testing.assert_array_equal(a.get(), [0, 1, 2])
    np.testing.assert_array_equal((s * 2).eval(), [0, 4, 8])
    s.set_value(a, borrow=True)
    assert read.value[s].tolist() == [0, 1, 2]
    assert T.as_tensor_variable(s).tag is not None
    copied = pickle.loads(pickle.dumps(read))
    np.testing.assert_array_equal(copied(np.ones(3)), [1, 2, 3])


def test_test_values_are_on_the_host(device):
    s = symtensor.shared(np.arange(3.0))
    s.set_value(DeviceArray.from_host(device, np.arange(3.0)))
    with symtensor.change_flags(compute_test_value="raise"):
        assert (s + 1).tag.test_value.tolist() == [1, 2, 3]


def test_moving_to_the_device_in_use(device):
    with use(device):
        moved = array.to_device(np.arange(3.0))
        assert isinstance(moved, DeviceArray) and array.to_device(moved) is moved
    with pytest.raises(ValueError, match="config.device names no device"):
        array.to_device(np.arange(3.0))
