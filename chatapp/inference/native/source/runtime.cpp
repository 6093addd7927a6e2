// Memory, threads and the C interface of the runtime; see runtime.h.
#include "runtime.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace native {

// ---------------------------------------------------------------------------- instruction sets

// build.py defines NATIVE_VARIANTS as V(name) for each one that the compiler could build.
#define V(name) extern "C" void native_forward_##name(const Job&, int);
NATIVE_VARIANTS
#undef V

#if defined(__x86_64__)
bool has_amx() {
#if defined(__linux__)
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const unsigned needed = 1u << 22 | 1u << 24 | 1u << 25;  // AMX-BF16, AMX-TILE, AMX-INT8
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // Linux: x86/xstate.rst
  return (d & needed) == needed && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool supported(const std::string& variant) {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
  if (variant == "amx") return avx512 && __builtin_cpu_supports("avx512bf16") && has_amx();
  if (variant == "avx512") return avx512;
  return variant == "avx2" ? avx2 : true;
}
#else
bool supported(const std::string& variant) { return variant == "generic"; }
#endif

struct Variant {
  const char* name;
  Forward forward;
};

const std::vector<Variant>& variants() {  // those that this CPU runs, best first
  static const std::vector<Variant> found = [] {
    std::vector<Variant> list;
#define V(name) \
  if (supported(#name)) list.push_back({#name, native_forward_##name});
    NATIVE_VARIANTS
#undef V
    return list;
  }();
  return found;
}

// ------------------------------------------------------------------------------------- memory

// Zeroed pages, large ones where the system offers them: they let one core read a third faster.
class Pages {
 public:
  explicit Pages(size_t bytes) : size_(bytes + 2 * kHuge) {
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) throw std::bad_alloc();
    data_ = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(base_) + kHuge - 1) & ~(kHuge - 1));
#if defined(MADV_HUGEPAGE)
    if (bytes >= kHuge) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
  }
  ~Pages() { munmap(base_, size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  char* data() const { return data_; }

 private:
  static constexpr size_t kHuge = 2u << 20;
  size_t size_;
  void* base_;
  char* data_;
};

class Arena {
 public:
  template <typename T>
  T* allocate(int64_t count) {
    pages_.push_back(std::make_unique<Pages>(static_cast<size_t>(count) * sizeof(T)));
    return reinterpret_cast<T*>(pages_.back()->data());
  }

 private:
  std::vector<std::unique_ptr<Pages>> pages_;
};

// ------------------------------------------------------------------------------------ threads

// Waits spin for a moment, since a phase takes some 30 microseconds, and then sleep, so that on a
// shared machine a thread that is late does not cost the others their cores.
void wait_while(const std::atomic<uint32_t>& word, uint32_t old) {
  constexpr auto kSpin = std::chrono::microseconds(50);
  const auto began = std::chrono::steady_clock::now();
  do {
    for (int turn = 0; turn < 16; ++turn) {
      if (word.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
      _mm_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() - began < kSpin);
  word.wait(old, std::memory_order_acquire);
}

// Whether a job may be entered, and by how many it has been. The caller closes it when the work is
// done; a thread that comes later passes it by, so nobody waits for a thread that never ran.
constexpr uint32_t kClosed = 1u << 31;

struct Team {
  int threads;
  int phases;
  int64_t stride;  // of one thread's ranges, whole cache lines
  std::unique_ptr<std::atomic<uint64_t>[]> ranges;
  std::unique_ptr<std::atomic<uint32_t>[]> finished;  // units of each phase
  alignas(64) std::atomic<uint32_t> job_number{0};
  alignas(64) std::atomic<uint32_t> inside{kClosed};
  Forward forward = nullptr;
  const Job* job = nullptr;
  std::atomic<bool> leaving{false};
  int taking_part;
  pid_t owner = getpid();
  std::vector<std::thread> workers;

  Team(int threads_, int phases_)
      : threads(threads_),
        phases(phases_),
        stride((phases_ + 15) / 8 * 8),
        ranges(new std::atomic<uint64_t>[threads_ * stride]),
        finished(new std::atomic<uint32_t>[phases_]),
        taking_part(threads_) {
    for (int thread = 1; thread < threads; ++thread)
      workers.emplace_back([this, thread] { serve(thread); });
  }

  ~Team() {
    if (getpid() != owner) {  // a forked child has copies of the handles, but no such threads
      for (auto& worker : workers) worker.detach();
      return;
    }
    leaving = true;
    job_number.fetch_add(1);
    job_number.notify_all();
    for (auto& worker : workers) worker.join();
  }

  bool enter() {
    uint32_t seen = inside.load(std::memory_order_acquire);
    while (!(seen & kClosed))
      if (inside.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel)) return true;
    return false;
  }

  void serve(int thread) {
    for (uint32_t seen = 0;;) {
      wait_while(job_number, seen);
      seen = job_number.load(std::memory_order_acquire);
      if (leaving) return;
      if (!enter()) continue;
      forward(*job, thread);
      if (inside.fetch_sub(1, std::memory_order_acq_rel) == kClosed + 1) inside.notify_all();
    }
  }

  void run(Forward forward_, const Job& job_) {
    taking_part = getpid() == owner ? threads : 1;
    for (int64_t k = 0; k < threads * stride; ++k) ranges[k].store(0, std::memory_order_relaxed);
    for (int k = 0; k < phases; ++k) finished[k].store(0, std::memory_order_relaxed);
    forward = forward_;
    job = &job_;
    if (taking_part > 1) {
      inside.store(0, std::memory_order_release);
      job_number.fetch_add(1, std::memory_order_release);
      job_number.notify_all();
    }
    forward_(job_, 0);
    if (taking_part == 1) return;
    uint32_t left = inside.fetch_or(kClosed, std::memory_order_acq_rel) | kClosed;
    for (; left != kClosed; left = inside.load(std::memory_order_acquire)) wait_while(inside, left);
  }
};

// A range packs begin (low) and end (high) with bit 63 as a sign that it was set up.
int take(Team& team, int phase, int thread, int units) {
  constexpr uint64_t kSet = uint64_t{1} << 63;
  for (int k = 0; k < team.taking_part; ++k) {
    const int victim = (thread + k) % team.taking_part;
    std::atomic<uint64_t>& range = team.ranges[victim * team.stride + phase];
    uint64_t seen = range.load(std::memory_order_relaxed);
    for (;;) {
      uint64_t begin = seen & 0xffffffffu, end = (seen & ~kSet) >> 32;
      if (!seen) {
        begin = static_cast<uint64_t>(units) * victim / team.taking_part;
        end = static_cast<uint64_t>(units) * (victim + 1) / team.taking_part;
      }
      if (begin >= end) break;
      // the owner reads on from the front, which the prefetcher likes; helpers take from the back
      const uint64_t unit = k == 0 ? begin : end - 1;
      const uint64_t left = k == 0 ? kSet | end << 32 | (begin + 1) : kSet | (end - 1) << 32 | begin;
      if (range.compare_exchange_weak(seen, left, std::memory_order_relaxed))
        return static_cast<int>(unit);
    }
  }
  return -1;
}

void done(Team& team, int phase) {
  team.finished[phase].fetch_add(1, std::memory_order_acq_rel);
  if (team.taking_part > 1) team.finished[phase].notify_all();
}

void wait_for(Team& team, int phase, int units) {
  for (;;) {
    const uint32_t count = team.finished[phase].load(std::memory_order_acquire);
    if (count == static_cast<uint32_t>(units)) return;
    wait_while(team.finished[phase], count);
  }
}

// -------------------------------------------------------------------------------------- layout

int64_t up_to(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

// Decide what a layer's cache keeps, and where.
void lay_out(Layer& layer, const Shape& shape, int64_t& used) {
  const int context = shape.context;
  if (layer.kind == kStrided || layer.kind == kSparse) {
    if (layer.r == 1) layer.kind = kDense;
    layer.r = std::min(layer.r, context);
  }
  if (layer.kind == kFixed) layer.r = std::min(layer.r, layer.w);
  if (layer.kind != kDense && layer.kind != kStrided && layer.w >= context) layer.kind = kDense;
  const int64_t ring = layer.kind == kDense ? context : layer.w + shape.ring_slack;
  if (layer.kind != kStrided) layer.near_rows = up_to(std::min<int64_t>(ring, context), kBlock);
  if (layer.kind == kStrided || layer.kind == kSparse) {
    layer.far_runs = layer.r;
    layer.far_rows = up_to((context + layer.r - 1) / layer.r, kBlock);
  } else if (layer.kind == kFixed) {
    layer.far_runs = 1;
    layer.far_rows = up_to(static_cast<int64_t>((context + layer.w - 1) / layer.w) * layer.r, kBlock);
  }
  const int64_t each = 2ll * shape.kv_heads * shape.head_dim;
  layer.near_offset = used;
  used += each * layer.near_rows;
  layer.far_offset = used;
  used += each * layer.far_rows * layer.far_runs;
}

// ------------------------------------------------------------------------------------- runtime

constexpr int kMaxRows = 512;

struct Runtime {
  Model model;
  std::vector<Layer> layers;
  Arena arena;
  Forward forward;
  std::unique_ptr<Team> team;
  Workspace work;
  std::vector<Scratch> scratch;
  std::vector<uint16_t*> slots;
  int max_rows = 0;
};

void allocate_buffers(Runtime& runtime, int threads) {
  const Shape& shape = runtime.model.shape;
  Arena& arena = runtime.arena;
  const int64_t mixed = static_cast<int64_t>(shape.heads) * shape.head_dim;
  const int64_t qkv = mixed + 2ll * shape.kv_heads * shape.head_dim;
  const int64_t hidden = up_to(shape.d_ff, kPanel);
  const int64_t widest = std::max({static_cast<int64_t>(shape.d_model), mixed, hidden});
  const int64_t rows = up_to(runtime.max_rows, kRowTile) + kRowTile;
  Workspace& work = runtime.work;
  work.residual = arena.allocate<float>(rows * shape.d_model);
  work.qkv = arena.allocate<float>(rows * qkv);
  work.mixed = arena.allocate<float>(rows * mixed);
  work.hidden = arena.allocate<float>(rows * hidden);
  work.hidden_stride = hidden;
  work.row_stride = up_to(widest, kStep) + kStep;  // an odd number of lines: no two rows collide
  work.bytes = arena.allocate<uint8_t>(rows * work.row_stride);
  work.scales = arena.allocate<float>(rows);
  for (int thread = 0; thread < threads; ++thread) {
    Scratch own;
    own.bytes = arena.allocate<uint8_t>(kRowTile * work.row_stride);
    own.scales = arena.allocate<float>(kRowTile);
    own.scores = arena.allocate<float>(4ll * (shape.context + kScoreSlack));
    own.halves = arena.allocate<uint16_t>((kQueryChunk + 16) * shape.head_dim);
    own.values = arena.allocate<float>((kQueryChunk + 16) * shape.head_dim);
    own.maxima = arena.allocate<float>(kQueryChunk + 16);
    own.sums = arena.allocate<float>(kQueryChunk + 16);
    runtime.scratch.push_back(own);
  }
}

Linear pack(Arena& arena, const int8_t* from, const float* scales, const float* bias, int outputs,
            int inputs) {
  Linear linear;
  linear.outputs = outputs;
  linear.inputs = inputs;
  linear.panels = (outputs + kPanel - 1) / kPanel;
  linear.steps = (inputs + kStep - 1) / kStep;
  const int64_t padded = static_cast<int64_t>(linear.panels) * kPanel;
  int8_t* weights = arena.allocate<int8_t>(padded * linear.steps * kStep + 2 * kPanelStepBytes);
  int32_t* offsets = arena.allocate<int32_t>(padded);
  float* own_scales = arena.allocate<float>(padded * 2);
  float* own_bias = own_scales + padded;
  for (int output = 0; output < outputs; ++output) {
    const int8_t* row = from + static_cast<int64_t>(output) * inputs;
    const int64_t panel = static_cast<int64_t>(output / kPanel) * linear.steps * kPanelStepBytes;
    int8_t* to = weights + panel + output % kPanel / kTile * 1024 + output % kTile * 4;
    int32_t sum = 0;
    for (int input = 0; input < inputs; ++input) sum += row[input];
    for (int input = 0; input < inputs; input += 4)
      std::memcpy(to + input / kStep * kPanelStepBytes + input % kStep / 4 * 64, row + input,
                  std::min(4, inputs - input));
    offsets[output] = 128 * sum;
    own_scales[output] = scales[output];
    if (bias) own_bias[output] = bias[output];
  }
  linear.weights = weights;
  linear.offsets = offsets;
  linear.scales = own_scales;
  linear.bias = bias ? own_bias : nullptr;
  return linear;
}

// Move one cached row of a head from the far rows into the ring, as they are kept.
void copy_row(uint16_t* to, int to_row, const uint16_t* from, int from_row, int width) {
  for (int pair = 0; pair < width / 2; ++pair)
    std::memcpy(to + (to_row / kBlock * width / 2 + pair) * 2 * kBlock + to_row % kBlock * 2,
                from + (from_row / kBlock * width / 2 + pair) * 2 * kBlock + from_row % kBlock * 2, 4);
}

void copy_value(uint16_t* to, int to_row, const uint16_t* from, int from_row, int width) {
  for (int d = 0; d < width; ++d)
    to[(to_row / 2 * width + d) * 2 + to_row % 2] = from[(from_row / 2 * width + d) * 2 + from_row % 2];
}

// Write the last positions of a ring again from the class-major rows, which forget nothing.
void refill(const Layer& layer, const Shape& shape, uint16_t* cache, int length) {
  const int64_t near = static_cast<int64_t>(layer.near_rows) * shape.head_dim;
  const int64_t far = static_cast<int64_t>(layer.far_rows) * shape.head_dim;
  for (int head = 0; head < shape.kv_heads; ++head) {
    uint16_t* to = cache + layer.near_offset + 2 * near * head;
    for (int position = std::max(0, length - layer.w); position < length; ++position) {
      const uint16_t* from =
          cache + layer.far_offset + 2 * far * (head * layer.far_runs + position % layer.r);
      const int row = position % layer.near_rows, far_row = position / layer.r;
      copy_row(to, row, from, far_row, shape.head_dim);
      copy_value(to + near, row, from + far, far_row, shape.head_dim);
    }
  }
}

}  // namespace native

// ---------------------------------------------------------------------------------- C interface

using namespace native;

extern "C" {

// The instruction sets that this CPU runs, best first, each ended by a space.
const char* native_variants() {
  static const std::string names = [] {
    std::string list;
    for (const Variant& variant : variants()) list += std::string(variant.name) + " ";
    return list;
  }();
  return names.c_str();
}

// `layers` holds kind, w, r and `rotates` of each layer. Null when memory is short or the variant unknown.
Runtime* native_new(const Shape* shape, const int32_t* layers, const char* variant, int threads) {
  try {
    auto runtime = std::make_unique<Runtime>();
    for (const Variant& found : variants())
      if (!std::strcmp(found.name, variant)) runtime->forward = found.forward;
    if (!runtime->forward) return nullptr;
    runtime->model.shape = *shape;
    runtime->layers.resize(shape->layers);
    runtime->model.layers = runtime->layers.data();
    for (int k = 0; k < shape->layers; ++k) {
      Layer& layer = runtime->layers[k];
      layer.kind = layers[4 * k];
      layer.w = layers[4 * k + 1];
      layer.r = layers[4 * k + 2];
      layer.rotates = layers[4 * k + 3];
      lay_out(layer, *shape, runtime->model.slot_values);
    }
    // reading attends to whole pairs of blocks: some room past the last row
    runtime->model.slot_values += 4ll * kBlock * shape->head_dim;
    runtime->max_rows = std::min<int>(kMaxRows, up_to(shape->context, kRowTile));
    runtime->team = std::make_unique<Team>(threads, shape->layers * kPhasesPerLayer + kOtherPhases);
    return runtime.release();
  } catch (...) {
    return nullptr;
  }
}

void native_free(Runtime* runtime) { delete runtime; }

int64_t native_slot_bytes(const Runtime* runtime) {
  return runtime->model.slot_values * static_cast<int64_t>(sizeof(uint16_t));
}

// Whether a roll-back past the slack needs `native_refill` (1), loses what a ring of a local or
// fixed layer held (2), or does nothing since no ring is shorter than the context (0).
int32_t native_ring_kind(const Runtime* runtime) {
  int32_t kind = 0;
  for (const Layer& layer : runtime->layers)
    if (layer.near_rows && layer.near_rows < runtime->model.shape.context)
      kind = std::max(kind, layer.kind == kSparse ? 1 : 2);
  return kind;
}

int32_t native_max_rows(const Runtime* runtime) { return runtime->max_rows; }

// Pack a matrix: `layer` -1 and `which` 0 is the head; else 0 qkv, 1 output, 2 up, 3 down.
int native_set_linear(Runtime* runtime, int layer, int which, const int8_t* weights,
                      const float* scales, const float* bias, int outputs, int inputs) {
  try {
    const Linear linear = pack(runtime->arena, weights, scales, bias, outputs, inputs);
    if (layer < 0) {
      runtime->model.head = linear;
      return 0;
    }
    Layer& to = runtime->layers[layer];
    (which == 0 ? to.qkv : which == 1 ? to.output : which == 2 ? to.up : to.down) = linear;
    return 0;
  } catch (...) {
    return -1;
  }
}

// `layer` -1: 0 final norm, 1 embedding norm; else 0 attention, 1 mlp, 2 query head, 3 key head.
// The caller keeps the arrays.
void native_set_norm(Runtime* runtime, int layer, int which, const float* weight, const float* bias,
                     float epsilon) {
  const Norm norm = {weight, bias, epsilon};
  if (layer < 0) {
    (which == 0 ? runtime->model.final_norm : runtime->model.embedding_norm) = norm;
    return;
  }
  Layer& to = runtime->layers[layer];
  (which == 0   ? to.attention_norm
   : which == 1 ? to.mlp_norm
   : which == 2 ? to.query_norm
                : to.key_norm) = norm;
}

// The caller keeps the arrays; `positions`, `cos` and `sin` may be null.
void native_set_tables(Runtime* runtime, const int8_t* embedding, const float* scales,
                       const float* positions, const float* cos, const float* sin) {
  Model& model = runtime->model;
  model.embedding = embedding;
  model.embedding_scales = scales;
  model.positions = positions;
  model.cos = cos;
  model.sin = sin;
}

// Make the caches of `slots` sequences and the buffers. Pages are taken from the system when they
// are first written.
int native_allocate(Runtime* runtime, int slots) {
  try {
    allocate_buffers(*runtime, runtime->team->threads);
    for (int slot = 0; slot < slots; ++slot)
      runtime->slots.push_back(runtime->arena.allocate<uint16_t>(runtime->model.slot_values));
    return 0;
  } catch (...) {
    return -1;
  }
}

// Read counts[k] tokens into slot slots[k] from position starts[k] on; at most native_max_rows in
// all. Logits of `every` row or of each segment's last one, none when `logits` is null.
void native_run(Runtime* runtime, int segments, const int32_t* slots, const int32_t* starts,
                const int32_t* counts, const int32_t* tokens, int every, float* logits) {
  std::vector<Segment> parts;
  std::vector<int> wanted;
  int rows = 0;
  for (int k = 0; k < segments; ++k) {
    parts.push_back({runtime->slots[slots[k]], starts[k], counts[k], rows});
    for (int row = every ? 0 : counts[k] - 1; row < counts[k]; ++row) wanted.push_back(rows + row);
    rows += counts[k];
  }
  const Job job = {&runtime->model, &runtime->work,     runtime->scratch.data(),
                   runtime->team.get(), parts.data(),   tokens,
                   segments,        rows,               wanted.data(),
                   static_cast<int>(wanted.size()),     logits};
  runtime->team->run(runtime->forward, job);
}

void native_copy(Runtime* runtime, int source, int target) {
  std::memcpy(runtime->slots[target], runtime->slots[source], native_slot_bytes(runtime));
}

// After a roll-back past a ring's slack: rebuild the rings of sparse layers for this length.
void native_refill(Runtime* runtime, int slot, int length) {
  for (const Layer& layer : runtime->layers)
    if (layer.kind == kSparse) refill(layer, runtime->model.shape, runtime->slots[slot], length);
}

}  // extern "C"
