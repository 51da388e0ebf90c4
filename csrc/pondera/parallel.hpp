// The pool and the deterministic parallel loop.
//
//   for_blocks(n, parallel, body)   calls body(block) once for each block in [0, n), on at most parallel.workers
//   threads
//
// Blocks are handed out in order; what a block computes must depend on its number alone. Nested loops run serially.
// The calling thread works too, and it alone calls the poll (at most every 20 ms; Ctrl-C). An exception stops the loop
// and is thrown in the caller: of several, the one of the lowest block. Every thread runs with the default
// floating-point control word and gives back the one it had. Idle threads end after a second; a thread that cannot be
// made means fewer threads; a forked child leaks the parent's pool and starts its own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "pondera/config.hpp"
#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

PONDERA_NAMESPACE_BEGIN

// Thrown in the caller when the poll says stop.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

struct Parallel {
  int workers = 1;
  bool (*poll)(void*) = nullptr;  // true: stop
  void* poll_context = nullptr;
};

// Sets the default control word (round to nearest, no flush to zero) and restores the caller's.
class FloatControl {
 public:
#if defined(__x86_64__) || defined(_M_X64)
  FloatControl() noexcept : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80u); }
  ~FloatControl() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FloatControl() noexcept {
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
    __asm__ volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}));
  }
  ~FloatControl() { __asm__ volatile("msr fpcr, %0" : : "r"(saved_)); }

 private:
  std::uint64_t saved_;
#else
  FloatControl() noexcept {}
#endif
 public:
  FloatControl(const FloatControl&) = delete;
  FloatControl& operator=(const FloatControl&) = delete;
};

// One parallel loop, shared by the threads that work on it.
class Job {
 public:
  using Body = void (*)(void* context, Index block);
  Job(Body body, void* context, Index n) noexcept : body_(body), context_(context), n_(n) {}

  // Takes blocks until none is left. `tick` (the caller's poll) may be null.
  template <class Tick>
  void work(Tick&& tick) noexcept {
    active_.fetch_add(1, std::memory_order_acq_rel);
    const FloatControl control;
    while (true) {
      const Index block = next_.fetch_add(1, std::memory_order_acq_rel);
      if (block >= n_) break;
      try {
        body_(context_, block);
        tick();
      } catch (...) {
        fail(block, std::current_exception());
      }
    }
    if (active_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_.notify_all();
    }
  }

  void stop() noexcept { next_.store(n_, std::memory_order_release); }
  void fail(Index block, std::exception_ptr error) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!error_ || block < error_block_) error_ = std::move(error), error_block_ = block;
    stop();
  }
  // The caller waits for the others; `tick` may throw.
  template <class Tick>
  void wait(Tick&& tick) noexcept {
    std::unique_lock<std::mutex> lock(mutex_);
    while (active_.load(std::memory_order_acquire) != 0) {
      done_.wait_for(lock, std::chrono::milliseconds(20));
      lock.unlock();
      try {
        tick();
      } catch (...) {
        fail(INT64_MAX, std::current_exception());
      }
      lock.lock();
    }
  }
  // Moved out of the job: a thread that lets go of the job last must not destroy the caller's exception.
  void rethrow() {
    std::exception_ptr error;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      error.swap(error_);
    }
    if (error) std::rethrow_exception(error);
  }

 private:
  Body body_;
  void* context_;
  Index n_;
  std::atomic<Index> next_{0};
  std::atomic<int> active_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  std::exception_ptr error_;
  Index error_block_ = 0;
};

class Pool {
 public:
  static constexpr int kMaxThreads = 1024;

  // The process's pool. A forked child gets a new one: the old threads do not exist there.
  static Pool& instance() {
    Pool* pool = current().load(std::memory_order_acquire);
    if (!pool) {
      static std::once_flag handler;
      std::call_once(handler, [] {
#if defined(__unix__) || defined(__APPLE__)
        pthread_atfork(nullptr, nullptr, [] { current().store(nullptr, std::memory_order_release); });
#endif
      });
      Pool* fresh = new Pool;  // never destroyed: its threads are detached
      if (current().compare_exchange_strong(pool, fresh, std::memory_order_acq_rel))
        pool = fresh;
      else
        delete fresh;
    }
    return *pool;
  }

  // Offers the job to `helpers` further threads; creates them as needed and as far as possible.
  void offer(const std::shared_ptr<Job>& job, int helpers) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int i = 0; i < helpers; ++i) queue_.push_back(job);
    while (idle_ < static_cast<int>(queue_.size()) && threads_ < kMaxThreads) {
      try {
        std::thread(&Pool::run, this).detach();
      } catch (const std::system_error&) {
        break;  // fewer threads
      }
      ++threads_, ++idle_;
    }
    wake_.notify_all();
  }
  void withdraw(const std::shared_ptr<Job>& job) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto it = queue_.begin(); it != queue_.end();) it = *it == job ? queue_.erase(it) : it + 1;
  }
  int threads() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return threads_;
  }

 private:
  static std::atomic<Pool*>& current() noexcept {
    static std::atomic<Pool*> pool{nullptr};
    return pool;
  }
  void run() noexcept;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;
  int threads_ = 0, idle_ = 0;
};

inline bool& inside_region() noexcept {
  thread_local bool inside = false;
  return inside;
}

inline void Pool::run() noexcept {
  inside_region() = true;
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    if (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return !queue_.empty(); })) break;
    const std::shared_ptr<Job> job = queue_.front();
    queue_.pop_front();
    --idle_;
    lock.unlock();
    job->work([] {});
    lock.lock();
    ++idle_;
  }
  --idle_, --threads_;
}

// How a loop reaches the pool of another library: a plugin's own kernels share the pool of pondera._core.
using RunJob = void (*)(Job::Body body, void* context, Index n, const Parallel& parallel);

inline void run_job(Job::Body body, void* context, Index n, const Parallel& parallel) {
  auto last = std::chrono::steady_clock::now();
  const auto tick = [&] {
    if (!parallel.poll) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::milliseconds(20)) return;
    last = now;
    if (parallel.poll(parallel.poll_context)) throw Interrupted();
  };
  if (n <= 0) return;
  const int helpers = static_cast<int>(n < parallel.workers ? n : parallel.workers) - 1;
  if (helpers <= 0 || inside_region()) {
    const FloatControl control;
    const bool outer = !inside_region();
    for (Index block = 0; block < n; ++block) {
      body(context, block);
      if (outer) tick();
    }
    return;
  }
  const auto job = std::make_shared<Job>(body, context, n);
  Pool& pool = Pool::instance();
  pool.offer(job, helpers);
  inside_region() = true;
  job->work(tick);
  inside_region() = false;
  pool.withdraw(job);
  job->wait(tick);
  job->rethrow();
}

inline RunJob& run_job_hook() noexcept {
  static RunJob hook = &run_job;
  return hook;
}

template <class F>
void for_blocks(Index n, const Parallel& parallel, F&& body) {
  using Function = std::remove_reference_t<F>;
  run_job_hook()([](void* context, Index block) { (*static_cast<Function*>(context))(block); },
                 const_cast<void*>(static_cast<const void*>(&body)), n, parallel);
}

// The loop over elements in blocks of `size`: body(begin, end).
template <class F>
void for_ranges(Index n, Index size, const Parallel& parallel, F&& body) {
  for_blocks((n + size - 1) / size, parallel, [&](Index block) {
    const Index begin = block * size;
    body(begin, n - begin < size ? n : begin + size);
  });
}

PONDERA_NAMESPACE_END
