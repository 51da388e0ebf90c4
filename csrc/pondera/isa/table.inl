// The table of this instruction set, in the order of `struct Loops`. Included last.
inline const Loops& table() noexcept {
  static constexpr Loops loops = {
      &max_loop<double>,      &max_loop<float>, &sum_loop<double>, &sum_loop<float>, &exp_loop<double>,
      &exp_loop<float>,       &exp_array,       &log_array,        &log1p_array,     &expm1_array,
      &normal_quantile_array, &uniform_loop,    &gumbel_loop,      &lerp_loop,       &moments_loop<float>,
      &moments_loop<double>,  &polynomial_loop, &rows_loop,
  };
  return loops;
}
