// What a random number is for. One byte in the counter, so that no two kernels under one key are correlated.
#pragma once

#include "pondera/config.hpp"

PONDERA_NAMESPACE_BEGIN
enum class Purpose : std::uint32_t {
  multinomial = 1,
  stratified = 2,
  systematic = 3,
  residual = 4,
  ssp = 5,
  killing = 6,
  alias = 7,
  gumbel = 8,
  backward = 9,
  normal = 10,
  uniform = 11,
  exponential = 12,
  integers = 13,
  geometric = 14,
  permutation = 15,
  pps = 16,
  bootstrap = 17,
  folds = 18,
  jitter = 19,
  random_ties = 20,
  sign_flips = 21,
  game_permutations = 22,
  game_sizes = 23,
  game_members = 24,
  game_coins = 25,
  owen = 26,
  lms = 27,
  latin_hypercube = 28,
  monte_carlo_design = 29,
  mask_cells = 30,
  mask_offsets = 31,
  d2_seeding = 32,
  random_starts = 33,
  negative_sampling = 34,
  unit_order = 35,
  output_shuffle = 36,
  poisson_inclusion = 37,
  torch_seed = 38,
};
PONDERA_NAMESPACE_END
