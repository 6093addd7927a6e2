// Vector arithmetic in the compiler's portable vectors: 16 float lanes that become one AVX-512
// register, two AVX2 ones or four of SSE or NEON, whatever this file is compiled for.
#pragma once

#include <cstdint>
#include <cstring>

#include "runtime.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define INLINE inline __attribute__((always_inline))

namespace native {
namespace {

typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
constexpr int kLanes = 16;
constexpr float kLog2E = 1.4426950408889634f;
constexpr float kMinusInfinity = -__builtin_inff();

template <typename T>
INLINE T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
INLINE void store(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

INLINE Floats spread(float value) { return Floats{} + value; }

INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }

INLINE float sum(Floats value) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps((__m512)value);
#endif
  for (int width = 8; width; width /= 2)
    for (int lane = 0; lane < width; ++lane) value[lane] += value[lane + width];
  return value[0];
}

INLINE float maximum(Floats value) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_ps((__m512)value);
#endif
  for (int width = 8; width; width /= 2)
    for (int lane = 0; lane < width; ++lane)
      value[lane] = value[lane] > value[lane + width] ? value[lane] : value[lane + width];
  return value[0];
}

// Round to the nearest integer, ties to even: adding 1.5 * 2^23 leaves no fraction bits.
INLINE Ints nearest(Floats value) {
  const float magic = 12582912.0f;
  return (Ints)(value + magic) - (Ints)(spread(magic));
}

// 2^x with a relative error below 3e-7; -infinity gives exactly 0.
INLINE Floats exp2(Floats x) {
#if defined(__AVX512DQ__)
  const Floats f = (Floats)_mm512_reduce_ps((__m512)x, 0);  // what rounding takes off
  const Floats whole = x - f;
#else
  const Floats bounded = larger(x, spread(-126.0f));
  const Ints whole = nearest(bounded);
  const Floats f = bounded - __builtin_convertvector(whole, Floats);
#endif
  // Taylor's series of 2^f on [-0.5, 0.5]
  Floats p = spread(1.5403530e-4f);
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
#if defined(__AVX512DQ__)
  return (Floats)_mm512_scalef_ps((__m512)p, (__m512)whole);
#else
  const Floats power = (Floats)((Ints)p + (whole << 23));
  return x > spread(-125.0f) ? power : Floats{};
#endif
}

INLINE Floats sigmoid(Floats x) { return 1.0f / (1.0f + exp2(x * -kLog2E)); }

// Pairs of bfloat16 in 32-bit words: the first and the second of each pair as floats.
INLINE Floats first_half(Words pairs) { return (Floats)(pairs << 16); }
INLINE Floats second_half(Words pairs) { return (Floats)(pairs & 0xffff0000u); }

// Rounds to nearest even, as PyTorch does; no NaN comes here.
INLINE uint16_t bfloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

INLINE void store_bfloat16(uint16_t* to, Floats value) {
  typedef uint16_t Halves __attribute__((vector_size(32)));
  const Words bits = (Words)value;
  const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  store(to, __builtin_convertvector(rounded, Halves));
}

INLINE float sum_of_squares(const float* x, int count) {
  Floats total[4] = {};
  int i = 0;
  for (; i + 64 <= count; i += 64)
    for (int k = 0; k < 4; ++k) {
      const Floats value = load<Floats>(x + i + k * kLanes);
      total[k] += value * value;
    }
  for (; i + kLanes <= count; i += kLanes) {
    const Floats value = load<Floats>(x + i);
    total[0] += value * value;
  }
  float rest = 0;
  for (; i < count; ++i) rest += x[i] * x[i];
  return rest + sum((total[0] + total[1]) + (total[2] + total[3]));
}

INLINE float inverse_root_mean_square(const float* x, int count, float epsilon) {
  return 1.0f / __builtin_sqrtf(sum_of_squares(x, count) / count + epsilon);
}

// RMSNorm or LayerNorm of one row; `out` may be `x`.
INLINE void normalise(float* out, const float* x, int count, const Norm& norm, bool centred) {
  float mean = 0;
  if (centred) {
    for (int i = 0; i < count; ++i) mean += x[i];
    mean /= count;
    for (int i = 0; i < count; ++i) out[i] = x[i] - mean;
    x = out;
  }
  const float scale = inverse_root_mean_square(x, count, norm.epsilon);
  for (int i = 0; i < count; ++i) {
    float value = x[i] * scale;
    if (norm.weight) value *= norm.weight[i];
    if (norm.bias) value += norm.bias[i];
    out[i] = value;
  }
}

// Quantise one row of activations to 8 bits, symmetric, its largest magnitude at 127; stored with
// 128 added, because the dot product instructions want one operand unsigned. The sum of weights
// times 128 is taken off again by the caller (`Linear::offsets`). Returns the row's scale.
INLINE float quantise_row(uint8_t* out, const float* x, int count) {
  typedef uint8_t Bytes __attribute__((vector_size(16)));
  Floats largest = {};
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Floats value = load<Floats>(x + i);
    largest = larger(largest, value > 0 ? value : -value);
  }
  float bound = maximum(largest);
  for (; i < count; ++i) bound = __builtin_fmaxf(bound, __builtin_fabsf(x[i]));
  const float inverse = bound > 0 ? 127.0f / bound : 0.0f;
  for (i = 0; i + kLanes <= count; i += kLanes) {
    const Ints whole = nearest(load<Floats>(x + i) * inverse) + 128;
    store(out + i, __builtin_convertvector(whole, Bytes));
  }
  for (; i < count; ++i) out[i] = static_cast<uint8_t>(128 + (int)__builtin_rintf(x[i] * inverse));
  return bound / 127.0f;
}

}  // namespace
}  // namespace native
