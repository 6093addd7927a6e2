// Attention over the cached rows that a pattern shows each query; patterns.py defines them.
//
// Few queries go one by one over float32 scores (`attend_row`). Many queries go through AMX tiles
// of 16 with a running softmax (`attend_chunk`), keys and queries and weights then in bfloat16.
#pragma once

#include "gemm.h"

namespace native {
namespace {

// One run of cached rows of one key-value head.
struct Rows {
  uint16_t* keys;
  uint16_t* values;
};

struct Span {
  Rows rows;
  int begin, end;
};
constexpr int kMaxSpans = 3;  // a ring is met in two pieces at most, plus one run of far rows

INLINE Rows near_rows(const Layer& layer, uint16_t* cache, int head, int width) {
  const int64_t values = static_cast<int64_t>(layer.near_rows) * width;
  uint16_t* at = cache + layer.near_offset + 2 * values * head;
  return {at, at + values};
}

INLINE Rows far_rows(const Layer& layer, uint16_t* cache, int head, int run, int width) {
  const int64_t values = static_cast<int64_t>(layer.far_rows) * width;
  uint16_t* at = cache + layer.far_offset + 2 * values * (head * layer.far_runs + run);
  return {at, at + values};
}

// First position of the contiguous ones that a query sees; past itself where there are none.
INLINE int near_begin(const Layer& layer, int position) {
  switch (layer.kind) {
    case kDense: return 0;
    case kFixed: return position / layer.w * layer.w;
    case kStrided: return position + 1;
    default: return position >= layer.w ? position - layer.w + 1 : 0;
  }
}

// Which run of far rows a position belongs to, and how many rows of it a query there sees.
INLINE int far_run(const Layer& layer, int position) {
  return layer.kind == kFixed ? 0 : position % layer.r;
}

INLINE int far_count(const Layer& layer, int position) {
  switch (layer.kind) {
    case kStrided: return position / layer.r + 1;
    case kFixed: return position / layer.w * layer.r;
    case kSparse: {
      const int count = position / layer.r + 1 - (layer.w + layer.r - 1) / layer.r;
      return count > 0 ? count : 0;
    }
    default: return 0;
  }
}

// The far row that a position is kept in, or -1.
INLINE int far_row(const Layer& layer, int position) {
  if (layer.kind == kStrided || layer.kind == kSparse) return position / layer.r;
  if (layer.kind != kFixed) return -1;
  const int column = position % layer.w - (layer.w - layer.r);
  return column < 0 ? -1 : position / layer.w * layer.r + column;
}

INLINE void store_row(const Rows& rows, int row, const float* key, const float* value, int width) {
  const int64_t block = static_cast<int64_t>(row / kBlock) * kBlock * width;
  const int lane = row % kBlock;
  uint16_t* keys = rows.keys + block + 2 * lane;
  uint16_t* values = rows.values + block + lane / 2 * 2 * width + lane % 2;
  alignas(64) uint16_t halves[kMaxHeadDim];
  for (int d = 0; d < width; d += kLanes) store_bfloat16(halves + d, load<Floats>(key + d));
  for (int d = 0; d < width; d += 2) std::memcpy(keys + d * kBlock, halves + d, 4);
  for (int d = 0; d < width; d += kLanes) store_bfloat16(halves + d, load<Floats>(value + d));
  for (int d = 0; d < width; ++d) values[2 * d] = halves[d];
}

INLINE void store_position(const Layer& layer, uint16_t* cache, int head, int position,
                           const float* key, const float* value, int width) {
  if (layer.near_rows)
    store_row(near_rows(layer, cache, head, width), position % layer.near_rows, key, value, width);
  const int row = far_row(layer, position);
  if (row >= 0)
    store_row(far_rows(layer, cache, head, far_run(layer, position), width), row, key, value,
              width);
}

INLINE int spans_of(const Layer& layer, uint16_t* cache, int head, int position, int width,
                    Span* spans) {
  int count = 0;
  const int begin = near_begin(layer, position);
  if (begin <= position) {
    const Rows rows = near_rows(layer, cache, head, width);
    const int first = begin % layer.near_rows, last = position % layer.near_rows;
    if (first <= last) {
      spans[count++] = {rows, first, last + 1};
    } else {
      spans[count++] = {rows, first, layer.near_rows};
      spans[count++] = {rows, 0, last + 1};
    }
  }
  if (const int far = far_count(layer, position))
    spans[count++] = {far_rows(layer, cache, head, far_run(layer, position), width), 0, far};
  return count;
}

// Scores of `Heads` queries with the 16 keys of a block.
template <int Heads>
INLINE void score_block(const uint16_t* keys, const float* queries, int width, Floats* out) {
  Floats even[Heads][2] = {}, odd[Heads][2] = {};
  for (int pair = 0; pair < width / 2; pair += 2)
    for (int k = 0; k < 2; ++k) {
      const Words both = load<Words>(keys + (pair + k) * 2 * kBlock);
      for (int head = 0; head < Heads; ++head) {
        const float* query = queries + head * width + 2 * (pair + k);
        even[head][k] += first_half(both) * query[0];
        odd[head][k] += second_half(both) * query[1];
      }
    }
  for (int head = 0; head < Heads; ++head)
    out[head] = (even[head][0] + even[head][1]) + (odd[head][0] + odd[head][1]);
}

INLINE Floats keep_lanes(Floats value, int begin, int end, float otherwise) {
  Ints lane;
  for (int k = 0; k < kLanes; ++k) lane[k] = k;
  return (lane >= begin) & (lane < end) ? value : spread(otherwise);
}

// Sum of values weighted by `weights`, over `Vectors` * 16 columns from column `d` on.
template <int Heads, int Vectors>
INLINE void mix(const Span* spans, int span_count, const float* weights, int64_t stride, int width,
                int d, float* out) {
  Floats even[Heads][Vectors] = {}, odd[Heads][Vectors] = {};
  for (int s = 0; s < span_count; ++s) {
    const int first = spans[s].begin / kBlock, last = (spans[s].end - 1) / kBlock;
    const uint16_t* at =
        spans[s].rows.values + static_cast<int64_t>(first) * kBlock * width + 2 * d;
    for (int pair = 0; pair < (last - first + 1) * kBlock / 2; ++pair, at += 2 * width)
      for (int v = 0; v < Vectors; ++v) {
        const Words both = load<Words>(at + 2 * kLanes * v);
        for (int head = 0; head < Heads; ++head) {
          even[head][v] += first_half(both) * weights[head * stride + 2 * pair];
          odd[head][v] += second_half(both) * weights[head * stride + 2 * pair + 1];
        }
      }
    weights += (last - first + 1) * kBlock;
  }
  for (int head = 0; head < Heads; ++head)
    for (int v = 0; v < Vectors; ++v)
      store(out + head * width + d + v * kLanes, even[head][v] + odd[head][v]);
}

// `Heads` queries at one position, sharing keys and values. Queries are scaled by log2(e) /
// sqrt(width) already. `scores` has room for `stride` values a head.
template <int Heads>
INLINE void attend_row(const Span* spans, int span_count, const float* queries, int width,
                       float* scores, int64_t stride, float* out) {
  Floats best[Heads];
  for (auto& value : best) value = spread(kMinusInfinity);
  int64_t count = 0;
  for (int s = 0; s < span_count; ++s) {
    const Span& span = spans[s];
    for (int row = span.begin / kBlock * kBlock; row < span.end; row += kBlock, count += kBlock) {
      Floats score[Heads];
      score_block<Heads>(span.rows.keys + static_cast<int64_t>(row) * width, queries, width, score);
      for (int head = 0; head < Heads; ++head) {
        if (row < span.begin || row + kBlock > span.end)
          score[head] = keep_lanes(score[head], span.begin - row, span.end - row, kMinusInfinity);
        store(scores + head * stride + count, score[head]);
        best[head] = larger(best[head], score[head]);
      }
    }
  }
  float totals[Heads];
  for (int head = 0; head < Heads; ++head) {
    const float top = maximum(best[head]);
    Floats total = {};
    for (int64_t k = 0; k < count; k += kLanes) {
      const Floats weight = exp2(load<Floats>(scores + head * stride + k) - top);
      store(scores + head * stride + k, weight);
      total += weight;
    }
    totals[head] = sum(total);
  }
  int d = 0;
  for (; d + 64 <= width; d += 64)
    mix<Heads, 4>(spans, span_count, scores, stride, width, d, out);
  for (; d < width; d += kLanes) mix<Heads, 1>(spans, span_count, scores, stride, width, d, out);
  for (int head = 0; head < Heads; ++head)
    for (d = 0; d < width; d += kLanes) {
      float* at = out + head * width + d;
      store(at, load<Floats>(at) * (1.0f / totals[head]));
    }
}

#if defined(__AMX_BF16__)

constexpr int kKeysAtOnce = 256;

// The running softmax of 16 queries: 2-logarithm of the largest weight, sum, weighted values.
struct Running {
  float* maxima;
  float* sums;
  float* values;  // (16, width)
};

// Scores of 16 queries with `count` keys (a multiple of 32) from `row` on.
INLINE void tile_scores(const uint16_t* queries, const Rows& rows, int row, int count, int width,
                        float* scores) {
  const uint16_t* keys = rows.keys + static_cast<int64_t>(row) * width;
  for (int block = 0; block < count; block += 2 * kBlock, keys += 2 * kBlock * width) {
    _tile_zero(0);
    _tile_zero(1);
    for (int d = 0; d < width; d += 32) {
      _tile_loadd(4, queries + d, width * 2);
      _tile_loadd(6, keys + d * kBlock, 64);
      _tile_loadd(7, keys + (width + d) * kBlock, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
    }
    _tile_stored(0, scores + block, kKeysAtOnce * 4);
    _tile_stored(1, scores + block + kBlock, kKeysAtOnce * 4);
  }
}

INLINE void store_weights(uint16_t* to, Floats first, Floats second) {
  store(to, _mm512_cvtne2ps_pbh((__m512)second, (__m512)first));
}

// Turn one query's scores to weights and bring its running sums to the new maximum.
INLINE void softmax_row(float* scores, int count, int begin, int end, uint16_t* weights,
                        const Running& running, int row, int width) {
  Floats best = spread(running.maxima[row]);
  for (int k = 0; k < count; k += kLanes) {
    Floats score = load<Floats>(scores + k);
    if (k < begin || k + kLanes > end) {
      score = keep_lanes(score, begin - k, end - k, kMinusInfinity);
      store(scores + k, score);
    }
    best = larger(best, score);
  }
  const float top = maximum(best);
  if (top == kMinusInfinity) {  // this query sees none of these keys, and none before
    std::memset(weights, 0, count * sizeof(uint16_t));
    return;
  }
  Floats total = {};
  for (int k = 0; k < count; k += 2 * kLanes) {
    const Floats first = exp2(load<Floats>(scores + k) - top);
    const Floats second = exp2(load<Floats>(scores + k + kLanes) - top);
    total += first + second;
    store_weights(weights + k, first, second);
  }
  const float shrink = exp2(spread(running.maxima[row] - top))[0];
  running.sums[row] = running.sums[row] * shrink + sum(total);
  if (shrink != 1.0f)
    for (int d = 0; d < width; d += kLanes) {
      float* at = running.values + row * width + d;
      store(at, load<Floats>(at) * shrink);
    }
  running.maxima[row] = top;
}

INLINE void tile_values(const uint16_t* weights, const Rows& rows, int row, int count, int width,
                        float* values) {
  const uint16_t* from = rows.values + static_cast<int64_t>(row) * width;
  for (int d = 0; d < width; d += 32) {
    _tile_loadd(0, values + d, width * 4);
    _tile_loadd(1, values + d + kLanes, width * 4);
    for (int k = 0; k < count; k += 32) {
      _tile_loadd(4, weights + k, kKeysAtOnce * 2);
      _tile_loadd(6, from + k * width + 2 * d, width * 4);
      _tile_loadd(7, from + k * width + 2 * d + 32, width * 4);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
    }
    _tile_stored(0, values + d, width * 4);
    _tile_stored(1, values + d + kLanes, width * 4);
  }
}

// Up to 16 queries and the rows that each sees: query k those from begins[k] up to ends[k] - 1.
struct Sight {
  int count = 0, first = 0, last = 0;
  int begins[16], ends[16];

  INLINE void add(int begin, int end) {
    begins[count] = begin;
    ends[count] = end;
    first = count && first < begin ? first : begin;
    last = count && last > end ? last : end;
    ++count;
  }
};

// One group of cached rows, from `row` on, for 16 queries. May read, with weight 0, up to 31 rows
// past the last: the cache ends with a block to spare.
INLINE void attend_group(const uint16_t* queries, const Sight& sight, const Rows& rows, int row,
                         const Running& running, int width) {
  alignas(64) float scores[16 * kKeysAtOnce];
  alignas(64) uint16_t weights[16 * kKeysAtOnce];
  const int left = (sight.last - row + 31) / 32 * 32;
  const int count = left < kKeysAtOnce ? left : kKeysAtOnce;
  tile_scores(queries, rows, row, count, width, scores);
  for (int k = 0; k < sight.count; ++k)
    softmax_row(scores + k * kKeysAtOnce, count, sight.begins[k] - row, sight.ends[k] - row,
                weights + k * kKeysAtOnce, running, k, width);
  tile_values(weights, rows, row, count, width, running.values);
}

constexpr int kTilesOfChunk = kQueryChunk / 16;

// What the queries of a chunk see nearby. Rows go by in groups that stay in the cache while all
// queries look at them.
INLINE void attend_near(const Layer& layer, const Scratch& scratch, const Rows& rows, int position,
                        int count, int width) {
  const int ring = layer.near_rows, low = near_begin(layer, position), high = position + count;
  const int tiles = (count + 15) / 16;
  for (int lap = low / ring * ring; lap < high; lap += ring) {  // once, or more where it wraps
    Sight sights[kTilesOfChunk];
    int first = ring, last = 0;
    for (int k = 0; k < count; ++k) {
      const int begin = near_begin(layer, position + k) - lap, end = position + k + 1 - lap;
      sights[k / 16].add(begin < 0 ? 0 : begin, end > ring ? ring : end);
    }
    for (int tile = 0; tile < tiles; ++tile) {
      first = sights[tile].first < first ? sights[tile].first : first;
      last = sights[tile].last > last ? sights[tile].last : last;
    }
    for (int row = first / kBlock * kBlock; row < last; row += kKeysAtOnce)
      for (int tile = 0; tile < tiles; ++tile) {
        if (sights[tile].last <= row || sights[tile].first >= row + kKeysAtOnce) continue;
        const int query = tile * 16;
        attend_group(scratch.halves + query * width, sights[tile], rows, row,
                     {scratch.maxima + query, scratch.sums + query, scratch.values + query * width},
                     width);
      }
  }
}

// Queries of one class, `step` apart in the chunk, over the far rows of that class.
INLINE void attend_class(const Layer& layer, const Scratch& scratch, const Rows& rows,
                         int position, int first, int step, int count, int width) {
  alignas(64) uint16_t queries[16 * kMaxHeadDim];
  alignas(64) float values[16 * kMaxHeadDim];
  float maxima[16], sums[16];
  Sight sight;
  for (int k = 0; k < count; ++k) {
    const int row = first + k * step;
    std::memcpy(queries + k * width, scratch.halves + row * width, width * 2);
    std::memcpy(values + k * width, scratch.values + row * width, width * 4);
    maxima[k] = scratch.maxima[row];
    sums[k] = scratch.sums[row];
    sight.add(0, far_count(layer, position + row));
  }
  for (int row = 0; row < sight.last; row += kKeysAtOnce)
    attend_group(queries, sight, rows, row, {maxima, sums, values}, width);
  for (int k = 0; k < count; ++k) {
    const int row = first + k * step;
    std::memcpy(scratch.values + row * width, values + k * width, width * 4);
    scratch.maxima[row] = maxima[k];
    scratch.sums[row] = sums[k];
  }
}

// Up to kQueryChunk queries of one head at consecutive positions; scratch.halves holds them. Their
// own keys and values are in the cache already. Leaves the result in scratch.values.
INLINE void attend_chunk(const Layer& layer, uint16_t* cache, int head, int position, int count,
                         int width, const Scratch& scratch) {
  for (int k = 0; k < count; ++k) {
    scratch.maxima[k] = kMinusInfinity;
    scratch.sums[k] = 0;
  }
  std::memset(scratch.values, 0, static_cast<size_t>(count) * width * sizeof(float));
  const int step = layer.kind == kFixed ? 1 : layer.r;
  if (layer.near_rows)
    attend_near(layer, scratch, near_rows(layer, cache, head, width), position, count, width);
  if (layer.far_rows)
    for (int lane = 0; lane < step && lane < count; ++lane) {
      const Rows rows = far_rows(layer, cache, head, far_run(layer, position + lane), width);
      for (int first = lane; first < count; first += 16 * step) {
        const int left = (count - first + step - 1) / step;
        attend_class(layer, scratch, rows, position, first, step, left < 16 ? left : 16, width);
      }
    }
  for (int k = 0; k < count; ++k)
    for (int d = 0; d < width; d += kLanes) {
      float* at = scratch.values + k * width + d;
      store(at, load<Floats>(at) * (1.0f / scratch.sums[k]));
    }
}

#endif

}  // namespace
}  // namespace native
