// pthread_cancel, which the C library builds on a signal: threads that wait, compute and defer are cancelled; their clean-up handlers
// run, and what they held is free again.
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

std::atomic<int> cleaned;
sem_t ready, never;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
int ends[2];

void require(bool what, const char* name) {
    if (what) return;
    std::printf("failed: %s\n", name);
    std::exit(1);
}

void clean(void*) { ++cleaned; }

void unlock(void*) {
    ++cleaned;
    pthread_mutex_unlock(&mutex);
}

// Cancels `count` threads that run `body`, at different times after they have said that they are ready.
void cancel(const char* name, int count, void* (*body)(void*)) {
    cleaned = 0;
    for (int i = 0; i < count; ++i) {
        pthread_t thread;
        require(pthread_create(&thread, nullptr, body, nullptr) == 0, name);
        while (sem_wait(&ready) != 0) require(errno == EINTR, name);
        if (i % 2) sched_yield();
        if (i % 8 == 7) {
            // By now it waits.
            const timespec moment{0, 2'000'000};
            nanosleep(&moment, nullptr);
        }
        require(pthread_cancel(thread) == 0, name);
        void* result = nullptr;
        require(pthread_join(thread, &result) == 0, name);
        require(result == PTHREAD_CANCELED, name);
    }
    std::printf("%s: %d cancelled, %d cleaned up\n", name, count, cleaned.load());
    std::fflush(stdout);
}

template <class Wait>
void* with_clean_up(Wait wait) {
    pthread_cleanup_push(clean, nullptr);
    sem_post(&ready);
    for (;;) wait();
    pthread_cleanup_pop(0);
    return nullptr;
}

void* in_read(void*) {
    return with_clean_up([] {
        char c;
        if (read(ends[0], &c, 1) != 1) std::perror("read");
    });
}

void* in_sleep(void*) {
    return with_clean_up([] {
        const timespec hour{3600, 0};
        nanosleep(&hour, nullptr);
    });
}

void* in_semaphore(void*) {
    return with_clean_up([] { sem_wait(&never); });
}

void* in_test(void*) {
    return with_clean_up([] { pthread_testcancel(); });
}

// It makes no call at all, so only a signal reaches it. Code without calls has no handlers to run, either.
void* in_loop(void*) {
    int old;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    sem_post(&ready);
    for (;;) asm volatile("");
    return nullptr;
}

// The mutex is taken again before the handlers run (pthread_cond_wait(3)).
void* in_condition(void*) {
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock, nullptr);
    sem_post(&ready);
    for (;;) pthread_cond_wait(&changed, &mutex);
    pthread_cleanup_pop(1);
    return nullptr;
}

// Cancellation is off until the end.
void* deferred(void*) {
    int old;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    pthread_cleanup_push(clean, nullptr);
    sem_post(&ready);
    for (int i = 0; i < 3; ++i) {
        const timespec moment{0, 100'000};
        require(nanosleep(&moment, nullptr) == 0, "a sleep with cancellation off");
        sched_yield();
    }
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
    // The request may come later than this.
    for (;;) pthread_testcancel();
    pthread_cleanup_pop(0);
    return nullptr;
}

}  // namespace

int main() {
    require(sem_init(&ready, 0, 0) == 0 && sem_init(&never, 0, 0) == 0 && pipe(ends) == 0, "preparations");
    cancel("read", 64, in_read);
    cancel("nanosleep", 64, in_sleep);
    cancel("sem_wait", 64, in_semaphore);
    cancel("pthread_testcancel", 64, in_test);
    cancel("pthread_cond_wait", 64, in_condition);
    require(pthread_mutex_trylock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0, "the mutex is free");
    cancel("cancellation off for a while", 16, deferred);
    cancel("asynchronously, in a loop", 32, in_loop);
    std::printf("done\n");
}
