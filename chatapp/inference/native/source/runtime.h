// The int8 CPU runtime: what its files share.
//
// `runtime.cpp` owns memory, threads and the C interface. `forward.cpp` holds the arithmetic and is
// compiled once for each instruction set of `variants` in build.py; the best one that the CPU has
// is chosen at load. Nothing in the variants may use templates of the standard library: the linker
// could keep the copy that was compiled for instructions which this CPU lacks.
#pragma once

#include <cstdint>

namespace native {

// A packed weight matrix is cut into panels of 32 outputs, a panel into steps of 64 inputs, a step
// into two tiles of 16 outputs, and a tile holds 16 quadruples of inputs:
//   weights[panel][step][tile][input / 4][output][input % 4]
// which is at once what a VNNI dot product reads as one vector and what AMX loads as one tile.
constexpr int kPanel = 32;
constexpr int kStep = 64;
constexpr int kTile = 16;
constexpr int kPanelStepBytes = kPanel * kStep;

// Cached keys and values are grouped in blocks of 16 rows (positions), as pairs of bfloat16:
//   keys[block][head_dim / 2][row][2]      values[block][row / 2][head_dim][2]
constexpr int kBlock = 16;
constexpr int kMaxHeadDim = 256;
constexpr int kMaxWidth = 8192;
constexpr int kScoreSlack = 128;  // blocks are counted whole: up to two spare ones at each span

// Up to this many tokens of one sequence are read with the very arithmetic of single steps, so
// that verifying a guess gives bit for bit the logits which stepping through it would.
constexpr int kBurst = 32;
constexpr int kRowTile = 32;  // rows of activations are padded to a multiple of this

struct Linear {
  int outputs = 0, inputs = 0, panels = 0, steps = 0;
  const int8_t* weights = nullptr;  // packed as above, zero beyond `outputs` and `inputs`
  const float* scales = nullptr;    // one per output
  const int32_t* offsets = nullptr; // 128 * the sum of an output's weights, see `quantise_row`
  const float* bias = nullptr;      // one per output, or null
};

struct Norm {
  const float* weight = nullptr;  // null: no gain
  const float* bias = nullptr;    // null: none
  float epsilon = 0;
};

enum Pattern : int32_t { kDense, kLocal, kStrided, kSparse, kFixed };

// What a layer keeps of a position. `near`: a ring, row = position mod near_rows. `far`: for
// strided and sparse one run of rows for each class (position mod r), row = position / r; for
// fixed one run of the summary columns. Offsets count bfloat16 values from the slot's start.
struct Layer {
  int32_t kind = kDense, w = 0, r = 0;
  int32_t rotates = 1;  // 0: queries and keys keep no trace of their position
  Linear qkv, output, up, down;  // `up` alternates 16 gate and 16 up outputs when gated
  Norm attention_norm, mlp_norm, query_norm, key_norm;
  int near_rows = 0, far_rows = 0, far_runs = 0;
  int64_t near_offset = 0, far_offset = 0;
};

struct Shape {
  int32_t vocab, layers, d_model, heads, kv_heads, head_dim, d_ff, context;
  int32_t layer_norm;      // 0: RMSNorm, 1: LayerNorm
  int32_t embedding_norm;  // 1: RMS-normalise embeddings
  int32_t head_norm;       // 1: normalise each query and key head
  int32_t gated;           // 1: SwiGLU, 0: GELU in its tanh form
  int32_t ring_slack;      // rows that a ring keeps beyond its window
};

struct Model {
  Shape shape;
  Layer* layers = nullptr;
  Norm final_norm, embedding_norm;
  Linear head;
  const int8_t* embedding = nullptr;  // rows of int8, not packed
  const float* embedding_scales = nullptr;
  const float* positions = nullptr;  // learned positions, or null
  const float* cos = nullptr;        // (context, head_dim / 2)
  const float* sin = nullptr;
  int64_t slot_values = 0;  // bfloat16 values of one slot's cache
};

// `count` new tokens of one slot, from position `start` on; their rows begin at `row`.
struct Segment {
  uint16_t* cache;
  int start, count, row;
};

// Buffers shared by all threads, sized for `capacity` rows.
struct Workspace {
  float* residual = nullptr;  // (rows, d_model)
  float* qkv = nullptr;       // (rows, qkv outputs)
  float* mixed = nullptr;     // (rows, heads * head_dim)
  float* hidden = nullptr;    // (rows, d_ff padded to 32)
  uint8_t* bytes = nullptr;   // (rows, widest input): quantised activations
  float* scales = nullptr;    // (rows)
  int64_t row_stride = 0;     // of `bytes`
  int64_t hidden_stride = 0;
};

// A thread's own buffers.
struct Scratch {
  uint8_t* bytes = nullptr;  // quantised activations of a few rows
  float* scales = nullptr;
  float* scores = nullptr;     // scores of up to four heads over all that they see
  uint16_t* halves = nullptr;  // (kQueryChunk, head_dim): queries as bfloat16
  float* values = nullptr;     // (kQueryChunk, head_dim): running sums of values
  float* maxima = nullptr;     // (kQueryChunk)
  float* sums = nullptr;       // (kQueryChunk)
};
constexpr int kQueryChunk = 256;  // queries whose running softmax a thread keeps at once
constexpr int kFewRows = 4;       // up to here each thread quantises all rows for itself

// Threads that walk through the phases of a job together. A phase is cut into units of work; every
// thread has a range of its own and then helps the others. A phase is over when its units are done,
// whether or not every thread took part: one that the system keeps from running holds nobody up
// unless it sits on a unit. What such a thread reads late is stale, but it gets no unit to use it in.
struct Team;
int take(Team& team, int phase, int thread, int units);  // the next unit, or -1 when none is left
void done(Team& team, int phase);                        // one unit
void wait_for(Team& team, int phase, int units);         // until all of them are done

struct Job {
  const Model* model;
  const Workspace* work;
  Scratch* scratch;  // one per thread
  Team* team;
  const Segment* segments;
  const int32_t* tokens;
  int segment_count, rows;
  const int* wanted;  // rows whose logits are wanted
  int wanted_count;
  float* logits;  // (wanted_count, vocab), or null
};

constexpr int kPhasesPerLayer = 9;  // four times quantise and multiply, and attention
constexpr int kOtherPhases = 3;     // embedding, quantise and multiply for the logits

// The entry of one instruction set; all threads call it with the same job.
using Forward = void (*)(const Job& job, int thread);

}  // namespace native
