"""How fast this machine reads memory: the bound of a decode step, measured beside it.

A STREAM-like read of a buffer as large as the weights, in plain C++ so that no library's dispatch
is in the way; `threads` threads each read their share.
"""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

_SOURCE = r"""
#include <sys/mman.h>
#include <cstdint>
#include <thread>
#include <vector>
typedef uint64_t Words __attribute__((vector_size(64)));
static uint64_t read_part(const Words* at, size_t count) {
  Words sums[4] = {};
  for (size_t k = 0; k + 4 <= count; k += 4)
    for (int j = 0; j < 4; ++j) sums[j] += at[k + j];
  const Words sum = sums[0] + sums[1] + sums[2] + sums[3];
  uint64_t total = 0;
  for (int k = 0; k < 8; ++k) total += sum[k];
  return total;
}
extern "C" void* make(size_t bytes) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(at, bytes, MADV_HUGEPAGE);
  for (size_t k = 0; k < bytes; k += 64) static_cast<char*>(at)[k] = static_cast<char>(k / 64);
  return at;
}
extern "C" uint64_t read_all(const void* at, size_t bytes, int threads) {
  const size_t count = bytes / 64 / threads;
  std::vector<uint64_t> sums(threads);
  std::vector<std::thread> others;
  auto work = [&](int k) { sums[k] = read_part(static_cast<const Words*>(at) + k * count, count); };
  for (int k = 1; k < threads; ++k) others.emplace_back(work, k);
  work(0);
  for (auto& other : others) other.join();
  uint64_t total = 0;
  for (uint64_t sum : sums) total += sum;
  return total;
}
"""


class Reader:
    """Reads the same buffer again and again; `seconds` holds the time of each pass."""

    def __init__(self, megabytes: int, threads: int) -> None:
        self._bytes, self._threads = megabytes << 20, threads
        self.seconds: list[float] = []
        with tempfile.TemporaryDirectory() as scratch:
            source, library = Path(scratch) / "read.cpp", Path(scratch) / "read.so"
            source.write_text(_SOURCE)
            flags = ["-O3", "-march=native", "-shared", "-fPIC", "-pthread"]
            subprocess.run(["c++", *flags, str(source), "-o", str(library)], check=True)
            self._library = ctypes.CDLL(str(library))
        self._library.make.restype = ctypes.c_void_p
        self._buffer = ctypes.c_void_p(self._library.make(ctypes.c_size_t(self._bytes)))

    def read(self) -> None:
        """Read it once and note the time."""
        began = time.perf_counter()
        self._library.read_all(self._buffer, ctypes.c_size_t(self._bytes), self._threads)
        self.seconds.append(time.perf_counter() - began)

    def bytes_per_second(self) -> float:
        """Return the median speed."""
        return self._bytes / statistics.median(self.seconds)
