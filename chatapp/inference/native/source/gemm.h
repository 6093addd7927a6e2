// Products of quantised rows with packed weights: exact integer sums, whatever the instructions.
#pragma once

#include "vector.h"

namespace native {
namespace {

#if defined(__AMX_INT8__)
constexpr int kRowsAtOnce = 32;
#else
constexpr int kRowsAtOnce = 4;
#endif

// Sums of kRowsAtOnce rows for the 32 outputs of a panel.
typedef int32_t Sums[kPanel];

#if defined(__AVX512VNNI__)

// One to four rows against one panel. Several chains of sums hide the latency of the instruction;
// the prefetch keeps more cache lines in flight than the hardware's own reader does.
template <int Rows>
INLINE void dot_vector(const int8_t* weights, int steps, const uint8_t* x, int64_t stride,
                       Sums* out) {
  constexpr int kChains = Rows == 1 ? 4 : 1;
  constexpr int kAhead = 2048;
  __m512i total[Rows][2][kChains];
  for (auto& row : total)
    for (auto& tile : row)
      for (auto& chain : tile) chain = _mm512_setzero_si512();
  for (int step = 0; step < steps; ++step, weights += kPanelStepBytes) {
#pragma GCC unroll 16
    for (int quad = 0; quad < kTile; ++quad) {
      _mm_prefetch(reinterpret_cast<const char*>(weights + kAhead + quad * 128), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(weights + kAhead + quad * 128 + 64), _MM_HINT_T0);
      const __m512i w0 = _mm512_loadu_si512(weights + quad * 64);
      const __m512i w1 = _mm512_loadu_si512(weights + 1024 + quad * 64);
#pragma GCC unroll 4
      for (int row = 0; row < Rows; ++row) {
        const __m512i four =
            _mm512_set1_epi32(load<int32_t>(x + row * stride + step * kStep + quad * 4));
        const int chain = quad % kChains;
        total[row][0][chain] = _mm512_dpbusd_epi32(total[row][0][chain], four, w0);
        total[row][1][chain] = _mm512_dpbusd_epi32(total[row][1][chain], four, w1);
      }
    }
  }
  for (int row = 0; row < Rows; ++row)
    for (int tile = 0; tile < 2; ++tile) {
      __m512i sum = total[row][tile][0];
      for (int chain = 1; chain < kChains; ++chain)
        sum = _mm512_add_epi32(sum, total[row][tile][chain]);
      _mm512_storeu_si512(out[row] + tile * kTile, sum);
    }
}

#elif defined(__AVX2__)

// 16-bit products, because the 8-bit multiply of AVX2 saturates and would not be exact.
template <int Rows>
INLINE void dot_vector(const int8_t* weights, int steps, const uint8_t* x, int64_t stride,
                       Sums* out) {
  for (int tile = 0; tile < 2; ++tile)
    for (int group = 0; group < 4; ++group) {  // 4 outputs, each in two neighbouring lanes
      __m256i total[Rows];
      for (auto& row : total) row = _mm256_setzero_si256();
      for (int step = 0; step < steps; ++step) {
        const int8_t* at = weights + step * kPanelStepBytes + tile * 1024 + group * 16;
        for (int quad = 0; quad < kTile; ++quad) {
          const __m256i w = _mm256_cvtepi8_epi16(
              _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + quad * 64)));
          for (int row = 0; row < Rows; ++row) {
            const __m256i four = _mm256_cvtepu8_epi16(
                _mm_set1_epi32(load<int32_t>(x + row * stride + step * kStep + quad * 4)));
            total[row] = _mm256_add_epi32(total[row], _mm256_madd_epi16(four, w));
          }
        }
      }
      for (int row = 0; row < Rows; ++row) {
        int32_t lanes[8];
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), total[row]);
        for (int k = 0; k < 4; ++k)
          out[row][tile * kTile + group * 4 + k] = lanes[2 * k] + lanes[2 * k + 1];
      }
    }
}

#else

template <int Rows>
INLINE void dot_vector(const int8_t* weights, int steps, const uint8_t* x, int64_t stride,
                       Sums* out) {
  for (int row = 0; row < Rows; ++row) {
    int32_t total[kPanel] = {};
    for (int step = 0; step < steps; ++step)
      for (int tile = 0; tile < 2; ++tile)
        for (int quad = 0; quad < kTile; ++quad) {
          const uint8_t* four = x + row * stride + step * kStep + quad * 4;
          const int8_t* w = weights + step * kPanelStepBytes + tile * 1024 + quad * 64;
          for (int n = 0; n < kTile; ++n)
            for (int k = 0; k < 4; ++k) total[tile * kTile + n] += four[k] * w[n * 4 + k];
        }
    std::memcpy(out[row], total, sizeof total);
  }
}

#endif

INLINE void dot_few(const int8_t* weights, int steps, const uint8_t* x, int64_t stride, int rows,
                    Sums* out) {
  switch (rows) {
    case 1: return dot_vector<1>(weights, steps, x, stride, out);
    case 2: return dot_vector<2>(weights, steps, x, stride, out);
    case 3: return dot_vector<3>(weights, steps, x, stride, out);
    default: return dot_vector<4>(weights, steps, x, stride, out);
  }
}

#if defined(__AMX_INT8__)

// All eight tiles as 16 rows of 64 bytes: 0-3 sums, 4-5 rows of activations, 6-7 weights.
INLINE void configure_tiles() {
  alignas(64) uint8_t config[64] = {};
  config[0] = 1;
  for (int tile = 0; tile < 8; ++tile) {
    config[16 + 2 * tile] = 64;
    config[48 + tile] = 16;
  }
  _tile_loadconfig(config);
}

// 32 rows against one panel; rows beyond the real ones are read and their sums ignored.
INLINE void dot_tiles(const int8_t* weights, int steps, const uint8_t* x, int64_t stride,
                      Sums* out) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int step = 0; step < steps; ++step, weights += kPanelStepBytes, x += kStep) {
    _tile_loadd(6, weights, 64);
    _tile_loadd(7, weights + 1024, 64);
    _tile_loadd(4, x, stride);
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_loadd(5, x + 16 * stride, stride);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  _tile_stored(0, out[0], sizeof(Sums));
  _tile_stored(1, out[0] + kTile, sizeof(Sums));
  _tile_stored(2, out[16], sizeof(Sums));
  _tile_stored(3, out[16] + kTile, sizeof(Sums));
}

#endif

// What becomes of a product: stored, added to what is there, or sent through an activation.
enum class Then { kStore, kAdd, kGatedSilu, kGelu };

struct Target {
  float* out;
  int64_t stride;
  Then then;
};

// GELU in its tanh form (arXiv:1606.08415); the sigmoid of twice the argument is that tanh.
INLINE Floats gelu(Floats x) {
  return x * sigmoid(1.5957691216057308f * (x + 0.044715f * x * x * x));
}

// What turns a panel's integer sums into real numbers; held in registers for all rows.
struct Panel {
  Ints offsets[2];
  Floats scales[2], bias[2];

  INLINE Panel(const Linear& linear, int panel) {
    for (int half = 0; half < 2; ++half) {
      const int output = panel * kPanel + half * kTile;
      offsets[half] = load<Ints>(linear.offsets + output);
      scales[half] = load<Floats>(linear.scales + output);
      bias[half] = linear.bias ? load<Floats>(linear.bias + output) : Floats{};
    }
  }
  INLINE Floats real(const int32_t* sums, int half, float scale) const {
    const Ints exact = load<Ints>(sums + half * kTile) - offsets[half];
    return __builtin_convertvector(exact, Floats) * (scales[half] * scale) + bias[half];
  }
};

// Store up to 16 outputs, of which only `count` exist.
template <Then What>
INLINE void put(float* to, Floats value, int count) {
  if (What == Then::kGelu) value = gelu(value);
  if (count >= kLanes) return store(to, What == Then::kAdd ? load<Floats>(to) + value : value);
  for (int lane = 0; lane < count; ++lane)
    to[lane] = What == Then::kAdd ? to[lane] + value[lane] : value[lane];
}

template <Then What>
INLINE void finish_rows(const Linear& linear, int panel, const Sums* sums, const float* scales,
                        float* out, int64_t stride, int rows) {
  const Panel constants(linear, panel);
  const int output = panel * kPanel, left = linear.outputs - output;
  for (int row = 0; row < rows; ++row, out += stride) {
    const Floats low = constants.real(sums[row], 0, scales[row]);
    const Floats high = constants.real(sums[row], 1, scales[row]);
    if (What == Then::kGatedSilu) {
      store(out + panel * kTile, low * sigmoid(low) * high);
      continue;
    }
    put<What>(out + output, low, left);
    put<What>(out + output + kTile, high, left - kTile);
  }
}

INLINE void finish(const Linear& linear, int panel, const Sums* sums, const float* scales,
                   const Target& target, int row, int rows) {
  float* out = target.out + row * target.stride;
  switch (target.then) {
    case Then::kStore:
      return finish_rows<Then::kStore>(linear, panel, sums, scales, out, target.stride, rows);
    case Then::kAdd:
      return finish_rows<Then::kAdd>(linear, panel, sums, scales, out, target.stride, rows);
    case Then::kGatedSilu:
      return finish_rows<Then::kGatedSilu>(linear, panel, sums, scales, out, target.stride, rows);
    case Then::kGelu:
      return finish_rows<Then::kGelu>(linear, panel, sums, scales, out, target.stride, rows);
  }
}

// One panel of outputs for all rows.
INLINE void multiply_panel(const Linear& linear, int panel, const uint8_t* x, int64_t stride,
                           const float* scales, int rows, const Target& target) {
  const int8_t* weights =
      linear.weights + static_cast<int64_t>(panel) * linear.steps * kPanelStepBytes;
  alignas(64) Sums sums[kRowsAtOnce];
  int row = 0;
#if defined(__AMX_INT8__)
  for (; rows - row > kFewRows; row += kRowsAtOnce) {
    dot_tiles(weights, linear.steps, x + row * stride, stride, sums);
    const int real = rows - row < kRowsAtOnce ? rows - row : kRowsAtOnce;
    finish(linear, panel, sums, scales + row, target, row, real);
  }
#endif
  for (; row < rows; row += kFewRows) {
    const int real = rows - row < kFewRows ? rows - row : kFewRows;
    dot_few(weights, linear.steps, x + row * stride, stride, real, sums);
    finish(linear, panel, sums, scales + row, target, row, real);
  }
}

}  // namespace
}  // namespace native
