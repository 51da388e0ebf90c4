// The table of this instruction set, in the order of struct Loops; last of the included files.
inline const Loops& table() noexcept {
  static constexpr Loops loops = {
      // loops.inl
      &max_loop<double>, &max_loop<float>, &sum_loop<double>, &sum_loop<float>, &exp_loop<double>, &exp_loop<float>,
      &exp_array, &log_array, &log1p_array, &expm1_array, &normal_quantile_array, &uniform_loop, &gumbel_loop,
      // weights.inl
      &uniform_at, &rank_systematic, &floor_scaled, &uniform_pairs,
      // sensitivity.inl
      &sobol_rows, &owen_points, &sobol_sums, &weighted_dot,
      // games.inl
      &gram_tile, &dot_loop, &blend_loop_64, &blend_loop_32,
      // neighbors.inl
      &direct_distances<double>, &direct_distances<float>, &pair_distance<double>, &pair_distance<float>, &below_loop<double>,
      &below_loop<float>, &count_loop, &panel_loop<double>, &panel_loop<float>,
      // masks.inl
      &lerp_loop, &moments_loop<float>, &moments_loop<double>, &polynomial_loop, &rows_loop,
  };
  return loops;
}
