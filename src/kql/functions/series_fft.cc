// The Fourier transform of series of any length, and filters over them.
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "kql/functions/builder.h"
#include "kql/functions/series.h"

namespace spillway::kql {
namespace series {
namespace {

Complex operator*(const Complex& a, const Complex& b) {
  return {a.real * b.real - a.imaginary * b.imaginary, a.real * b.imaginary + a.imaginary * b.real};
}
Complex operator+(const Complex& a, const Complex& b) {
  return {a.real + b.real, a.imaginary + b.imaginary};
}
Complex operator-(const Complex& a, const Complex& b) {
  return {a.real - b.real, a.imaginary - b.imaginary};
}

/// exp(-2πi · k/n), exact where that is a multiple of a quarter turn.
Complex root_of_unity(uint64_t k, uint64_t n) {
  k %= n;
  if (4 * k % n == 0) {
    constexpr Complex kQuarters[] = {{1, 0}, {0, -1}, {-1, 0}, {0, 1}};
    return kQuarters[4 * k / n];
  }
  const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

/// Of a power of two of points.
void fourier_of_power(std::vector<Complex>& points) {
  const size_t size = points.size();
  for (size_t i = 1, j = 0; i < size; ++i) {
    size_t bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(points[i], points[j]);
  }
  std::vector<Complex> roots(size / 2);
  for (size_t k = 0; k < roots.size(); ++k) roots[k] = root_of_unity(k, size);
  for (size_t length = 2; length <= size; length <<= 1) {
    const size_t half = length / 2, step = size / length;
    for (size_t start = 0; start < size; start += length) {
      for (size_t k = 0; k < half; ++k) {
        const Complex odd = points[start + k + half] * roots[k * step];
        const Complex even = points[start + k];
        points[start + k] = even + odd;
        points[start + k + half] = even - odd;
      }
    }
  }
}

/// By the definition: exact enough, and fast enough for a few points.
void fourier_of_few(std::vector<Complex>& points) {
  const size_t size = points.size();
  std::vector<Complex> transformed(size);
  for (size_t k = 0; k < size; ++k) {
    for (size_t i = 0; i < size; ++i)
      transformed[k] = transformed[k] + points[i] * root_of_unity(i * k, size);
  }
  points = std::move(transformed);
}

/// Bluestein's: the transform as a convolution, which a power of two of points does.
void fourier_of_any(std::vector<Complex>& points) {
  const size_t size = points.size();
  const size_t power = std::bit_ceil(2 * size - 1);
  std::vector<Complex> chirp(size);
  for (uint64_t i = 0; i < size; ++i) chirp[i] = root_of_unity(i * i % (2 * size), 2 * size);
  std::vector<Complex> a(power), b(power);
  for (size_t i = 0; i < size; ++i) {
    a[i] = points[i] * chirp[i];
    b[i] = {chirp[i].real, -chirp[i].imaginary};
    if (i > 0) b[power - i] = b[i];
  }
  fourier_of_power(a);
  fourier_of_power(b);
  for (size_t i = 0; i < power; ++i) {
    a[i] = a[i] * b[i];
    a[i].imaginary = -a[i].imaginary;
  }
  fourier_of_power(a);
  for (size_t i = 0; i < size; ++i) {
    const Complex convolved{a[i].real / static_cast<double>(power),
                            -a[i].imaginary / static_cast<double>(power)};
    points[i] = convolved * chirp[i];
  }
}

}  // namespace

void fourier(std::vector<Complex>& points, bool inverse) {
  constexpr size_t kFew = 32;
  if (points.size() < 2) return;
  const auto conjugate = [&] {
    for (Complex& point : points) point.imaginary = -point.imaginary;
  };
  if (inverse) conjugate();
  if (std::has_single_bit(points.size())) {
    fourier_of_power(points);
  } else if (points.size() <= kFew) {
    fourier_of_few(points);
  } else {
    fourier_of_any(points);
  }
  if (inverse) conjugate();
}

}  // namespace series

namespace {

using series::Complex;
using series::Reals;
using Text = std::string_view;

bool transform(std::string& out, Text real_part, std::optional<Text> imaginary_part, bool inverse) {
  const std::optional<Reals> real = series::read_finite(real_part);
  if (!real) return false;
  std::vector<Complex> points(real->size());
  for (size_t i = 0; i < points.size(); ++i) points[i].real = (*real)[i];
  if (imaginary_part) {
    const std::optional<Reals> imaginary = series::read_finite(*imaginary_part);
    if (!imaginary || imaginary->size() != points.size()) return false;
    for (size_t i = 0; i < points.size(); ++i) points[i].imaginary = (*imaginary)[i];
  }
  series::fourier(points, inverse);
  Reals real_result, imaginary_result;
  const double scale = inverse ? static_cast<double>(points.size()) : 1;
  for (const Complex& point : points) {
    real_result.push_back(point.real / scale);
    imaginary_result.push_back(point.imaginary / scale);
  }
  series::Results results(out, false);
  results.add("real", real_result);
  results.add("imag", imaginary_result);
  results.finish();
  return true;
}
bool fft_of_real(std::string& out, Text real) {
  return transform(out, real, std::nullopt, false);
}
bool fft(std::string& out, Text real, Text imaginary) {
  return transform(out, real, imaginary, false);
}
bool ifft_of_real(std::string& out, Text real) {
  return transform(out, real, std::nullopt, true);
}
bool ifft(std::string& out, Text real, Text imaginary) {
  return transform(out, real, imaginary, true);
}

}  // namespace

void declare_series_fft(FunctionTableBuilder& table) {
  using enum Type;
  table.category("series");
  table.scalar("series_fft")
      .doc("The Fourier transform of a series: real and imaginary parts by frequency.")
      .takes({Dynamic}, Dynamic, native<&fft_of_real>())
      .takes({Dynamic, Dynamic}, Dynamic, native<&fft>())
      .gives({{"real", Dynamic}, {"imag", Dynamic}});
  table.scalar("series_ifft")
      .doc("The series that has a Fourier transform: its real and imaginary parts.")
      .takes({Dynamic}, Dynamic, native<&ifft_of_real>())
      .takes({Dynamic, Dynamic}, Dynamic, native<&ifft>())
      .gives({{"real", Dynamic}, {"imag", Dynamic}});
}

}  // namespace spillway::kql
