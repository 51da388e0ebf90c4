// The table of this instruction set, in the order of struct Loops; last of the included files.
inline const Loops& table() noexcept {
  static constexpr Loops loops = {
      &max_loop<double>, &max_loop<float>, &sum_loop<double>, &sum_loop<float>, &exp_loop<double>, &exp_loop<float>,
      &exp_array,        &log_array,       &log1p_array,      &expm1_array,     &normal_quantile_array,
      &uniform_loop,     &gumbel_loop,
      &uniform_at,       &rank_systematic, &floor_scaled,     &uniform_pairs,
      &direct_distances<double>, &direct_distances<float>,
      &pair_distance<double>, &pair_distance<float>, &below_loop<double>, &below_loop<float>, &count_loop,
      &panel_loop<double>, &panel_loop<float>,
  };
  return loops;
}
