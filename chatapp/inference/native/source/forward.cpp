// One pass of the model over new tokens, run by all threads together, phase by phase.
//
// Compiled once for each instruction set; NATIVE_VARIANT names the entry point.
#include "attention.h"

namespace native {
namespace {

// What one thread needs while it walks through the phases.
struct Walk {
  const Job& job;
  const Model& model;
  const Shape& shape;
  const Workspace& work;
  const Scratch& scratch;
  int thread;
  int phase = 0;

  // Run `body(unit)` for the units of the next phase that fall to this thread, then wait until all are done.
  template <typename Body>
  INLINE void each(int units, Body body) {
    for (int unit; (unit = take(*job.team, phase, thread, units)) >= 0; done(*job.team, phase))
      body(unit);
    wait_for(*job.team, phase, units);
    ++phase;
  }
};

struct Quantised {
  const uint8_t* bytes;
  const float* scales;
};

constexpr int kRowsAUnit = 8;

INLINE int units_of(int count, int each) { return (count + each - 1) / each; }

// Quantise rows; `source(row)` returns where the floats of one stand. Of few rows every thread
// makes its own copy, which is quicker than waiting for each other.
template <typename Source>
INLINE Quantised quantise(Walk& walk, int rows, int width, Source source) {
  const int64_t stride = walk.work.row_stride;
  if (rows <= kFewRows) {
    for (int row = 0; row < rows; ++row)
      walk.scratch.scales[row] =
          quantise_row(walk.scratch.bytes + row * stride, source(row), width);
    ++walk.phase;
    return {walk.scratch.bytes, walk.scratch.scales};
  }
  walk.each(units_of(rows, kRowsAUnit), [&](int unit) {
    for (int row = unit * kRowsAUnit; row < rows && row < (unit + 1) * kRowsAUnit; ++row)
      walk.work.scales[row] = quantise_row(walk.work.bytes + row * stride, source(row), width);
  });
  return {walk.work.bytes, walk.work.scales};
}

INLINE void multiply(Walk& walk, const Linear& linear, const Quantised& x, int rows,
                     const Target& target) {
  walk.each(linear.panels, [&](int panel) {
    multiply_panel(linear, panel, x.bytes, walk.work.row_stride, x.scales, rows, target);
  });
}

INLINE void embed(Walk& walk) {
  const int width = walk.shape.d_model;
  walk.each(units_of(walk.job.rows, kRowsAUnit), [&](int unit) {
    for (int s = 0; s < walk.job.segment_count; ++s) {
      const Segment& segment = walk.job.segments[s];
      for (int k = 0; k < segment.count; ++k) {
        const int row = segment.row + k;
        if (row / kRowsAUnit != unit) continue;
        const int64_t token = walk.job.tokens[row];
        const int8_t* from = walk.model.embedding + token * width;
        const float scale = walk.model.embedding_scales[token];
        float* to = walk.work.residual + static_cast<int64_t>(row) * width;
        for (int i = 0; i < width; ++i) to[i] = from[i] * scale;
        if (walk.shape.embedding_norm)
          normalise(to, to, width, walk.model.embedding_norm, false);
        if (walk.model.positions) {
          const float* at = walk.model.positions +
                            static_cast<int64_t>(segment.start + k) * width;
          for (int i = 0; i < width; ++i) to[i] += at[i];
        }
      }
    }
  });
}

// Normalise one head of a query or key, turn it by its position, and scale it.
INLINE void turn_head(const Walk& walk, const Layer& layer, const float* from, const Norm& norm,
                      int position, float scale, float* to) {
  const int width = walk.shape.head_dim, half = width / 2;
  if (walk.shape.head_norm)
    normalise(to, from, width, norm, false);
  else
    std::memcpy(to, from, width * sizeof(float));
  if (layer.rotates) {
    const float* cos = walk.model.cos + static_cast<int64_t>(position) * half;
    const float* sin = walk.model.sin + static_cast<int64_t>(position) * half;
    for (int d = 0; d < half; ++d) {
      const float first = to[d], second = to[d + half];
      to[d] = first * cos[d] - second * sin[d];
      to[d + half] = second * cos[d] + first * sin[d];
    }
  }
  for (int d = 0; d < width; ++d) to[d] *= scale;
}

// One key-value head of one segment: where its rows are, and the group of queries that share it.
struct HeadUnit {
  const Walk& walk;
  const Layer& layer;
  const Segment& segment;
  int head, group;
  float query_scale;

  INLINE const float* row(int k) const {
    return walk.work.qkv + static_cast<int64_t>(segment.row + k) * layer.qkv.outputs;
  }
  INLINE void store_keys(int first, int count) const {
    const Shape& shape = walk.shape;
    alignas(64) float key[kMaxHeadDim];
    for (int k = first; k < first + count; ++k) {
      const float* at = row(k) + (shape.heads + head) * shape.head_dim;
      turn_head(walk, layer, at, layer.key_norm, segment.start + k, 1.0f, key);
      store_position(layer, segment.cache, head, segment.start + k, key,
                     at + shape.kv_heads * shape.head_dim, shape.head_dim);
    }
  }
  INLINE void load_query(int k, int query_head, float* to) const {
    turn_head(walk, layer, row(k) + query_head * walk.shape.head_dim, layer.query_norm,
              segment.start + k, query_scale, to);
  }
  INLINE float* result(int k, int query_head) const {
    return walk.work.mixed +
           (static_cast<int64_t>(segment.row + k) * walk.shape.heads + query_head) *
               walk.shape.head_dim;
  }
};

// Up to four query heads that share this key-value head, at one position.
template <int Heads>
INLINE void attend_heads(const HeadUnit& unit, int k, int query_head, const Span* spans,
                         int span_count) {
  const int width = unit.walk.shape.head_dim;
  alignas(64) float queries[Heads * kMaxHeadDim];
  for (int head = 0; head < Heads; ++head)
    unit.load_query(k, query_head + head, queries + head * width);
  const int64_t stride = unit.walk.shape.context + kScoreSlack;
  attend_row<Heads>(spans, span_count, queries, width, unit.walk.scratch.scores, stride,
                    unit.result(k, query_head));
}

INLINE void attend_singly(const HeadUnit& unit, int k) {
  Span spans[kMaxSpans];
  const int count = spans_of(unit.layer, unit.segment.cache, unit.head, unit.segment.start + k,
                             unit.walk.shape.head_dim, spans);
  int head = unit.head * unit.group;
  const int end = head + unit.group;
  for (; head + 4 <= end; head += 4) attend_heads<4>(unit, k, head, spans, count);
  for (; head + 2 <= end; head += 2) attend_heads<2>(unit, k, head, spans, count);
  for (; head < end; ++head) attend_heads<1>(unit, k, head, spans, count);
}

#if defined(__AMX_BF16__)
INLINE void attend_together(const HeadUnit& unit, int first, int count) {
  const int width = unit.walk.shape.head_dim;
  const Scratch& scratch = unit.walk.scratch;
  for (int head = unit.head * unit.group; head < (unit.head + 1) * unit.group; ++head) {
    alignas(64) float query[kMaxHeadDim];
    for (int k = 0; k < count; ++k) {
      unit.load_query(first + k, head, query);
      for (int d = 0; d < width; d += kLanes)
        store_bfloat16(scratch.halves + k * width + d, load<Floats>(query + d));
    }
    attend_chunk(unit.layer, unit.segment.cache, unit.head, unit.segment.start + first, count,
                 width, scratch);
    for (int k = 0; k < count; ++k)
      std::memcpy(unit.result(first + k, head), scratch.values + k * width, width * sizeof(float));
  }
}
#endif

// A ring has room for one chunk of new rows beside the window of the chunk's first query.
INLINE void attend_unit(const HeadUnit& unit) {
  const int total = unit.segment.count, slack = unit.walk.shape.ring_slack;
  const int chunk = slack < kQueryChunk ? slack : kQueryChunk;
  for (int first = 0; first < total; first += chunk) {
    const int count = total - first < chunk ? total - first : chunk;
    unit.store_keys(first, count);
#if defined(__AMX_BF16__)
    if (total > kBurst && unit.walk.shape.head_dim % 32 == 0) {
      attend_together(unit, first, count);
      continue;
    }
#endif
    for (int k = first; k < first + count; ++k) attend_singly(unit, k);
  }
}

INLINE void attend(Walk& walk, const Layer& layer) {
  const Shape& shape = walk.shape;
  const float scale = kLog2E / __builtin_sqrtf(static_cast<float>(shape.head_dim));
  walk.each(walk.job.segment_count * shape.kv_heads, [&](int unit) {
    attend_unit({walk, layer, walk.job.segments[unit / shape.kv_heads], unit % shape.kv_heads,
                 shape.heads / shape.kv_heads, scale});
  });
}

INLINE Quantised quantise_normalised(Walk& walk, const Norm& norm, int rows, const int* which) {
  const int width = walk.shape.d_model;
  alignas(64) float buffer[kMaxWidth];
  return quantise(walk, rows, width, [&](int row) {
    const int64_t from = which ? which[row] : row;
    normalise(buffer, walk.work.residual + from * width, width, norm, walk.shape.layer_norm);
    return static_cast<const float*>(buffer);
  });
}

INLINE void run_layer(Walk& walk, const Layer& layer) {
  const int rows = walk.job.rows, width = walk.shape.d_model;
  const Workspace& work = walk.work;
  const int mixed_width = walk.shape.heads * walk.shape.head_dim;
  multiply(walk, layer.qkv, quantise_normalised(walk, layer.attention_norm, rows, nullptr), rows,
           {work.qkv, layer.qkv.outputs, Then::kStore});
  attend(walk, layer);
  const Quantised mixed = quantise(walk, rows, mixed_width, [&](int row) {
    return static_cast<const float*>(work.mixed + static_cast<int64_t>(row) * mixed_width);
  });
  multiply(walk, layer.output, mixed, rows, {work.residual, width, Then::kAdd});
  multiply(walk, layer.up, quantise_normalised(walk, layer.mlp_norm, rows, nullptr), rows,
           {work.hidden, work.hidden_stride,
            walk.shape.gated ? Then::kGatedSilu : Then::kGelu});
  const Quantised hidden = quantise(walk, rows, layer.down.inputs, [&](int row) {
    return static_cast<const float*>(work.hidden + static_cast<int64_t>(row) * work.hidden_stride);
  });
  multiply(walk, layer.down, hidden, rows, {work.residual, width, Then::kAdd});
}

}  // namespace

extern "C" void NATIVE_VARIANT(const Job& job, int thread) {
#if defined(__AMX_INT8__)
  configure_tiles();
#endif
  Walk walk = {job, *job.model, job.model->shape, *job.work, job.scratch[thread], thread};
  embed(walk);
  for (int layer = 0; layer < walk.shape.layers; ++layer) run_layer(walk, walk.model.layers[layer]);
  if (job.logits)
    multiply(walk, walk.model.head,
             quantise_normalised(walk, walk.model.final_norm, job.wanted_count, job.wanted),
             job.wanted_count, {job.logits, walk.shape.vocab, Then::kStore});
#if defined(__AMX_INT8__)
  _tile_release();
#endif
}

}  // namespace native
