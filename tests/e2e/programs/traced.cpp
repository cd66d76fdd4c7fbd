// Makes known system calls, for tests of the trace: `calls`, `threads`, `handler`, `fault`, `killed`.
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

void require(bool fine) {
    if (!fine) std::abort();
}

void print(const char* text) { require(write(1, text, std::strlen(text)) == static_cast<ssize_t>(std::strlen(text))); }

void calls() {
    require(open("/no/such/file", O_RDONLY | O_CLOEXEC) < 0);
    const int null = open("/dev/null", O_RDWR | O_CREAT | O_NONBLOCK, 0640);
    require(null >= 0);
    require(write(null, "quotes \" and \t\x01" "0\xff, more than is ever shown", 43) == 43);
    require(syscall(SYS_write, null, 8L, 1L) <= 1);
    iovec pieces[] = {{const_cast<char*>("one"), 3}, {const_cast<char*>("two"), 3}};
    require(writev(null, pieces, 2) == 6);
    require((fcntl(null, F_GETFL) & O_NONBLOCK) && fcntl(null, F_SETFD, FD_CLOEXEC) == 0);
    int ends[2];
    require(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "data", 4) == 4);
    pollfd files[] = {{ends[0], POLLIN, 0}, {ends[1], POLLIN, 0}};
    require(poll(files, 2, 1000) == 1);
    char buffer[16];
    require(read(ends[0], buffer, sizeof buffer) == 4);
    require(poll(files, 1, 0) == 0);
    epoll_event event{EPOLLOUT | EPOLLET, {.u64 = 7}};
    const int waiter = epoll_create1(EPOLL_CLOEXEC);
    require(epoll_ctl(waiter, EPOLL_CTL_ADD, ends[1], &event) == 0 && epoll_wait(waiter, &event, 1, -1) == 1);
    void* const memory = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED && mprotect(memory, 4096, PROT_NONE) == 0 && madvise(memory, 8192, MADV_DONTNEED) == 0);
    require(munmap(memory, 8192) == 0);
    const timespec moment{0, 1000};
    require(nanosleep(&moment, nullptr) == 0);
    require(syscall(511, 1, 2, 3, 4, 5, 6) < 0);
    print("the calls are made\n");
}

uint32_t word = 0;
int ends[2];

sem_t running;

void* wait_for_it(void*) {
    char byte;
    require(sem_post(&running) == 0);
    require(read(ends[0], &byte, 1) == 1);
    require(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr) == 0);
    return nullptr;
}

void threads() {
    require(pipe(ends) == 0 && sem_init(&running, 0, 0) == 0);
    pthread_t thread;
    require(pthread_create(&thread, nullptr, wait_for_it, nullptr) == 0);
    require(sem_wait(&running) == 0);
    print("the thread runs\n");
    // Longer than a call is held back.
    const timespec long_time{0, 300'000'000};
    require(nanosleep(&long_time, nullptr) == 0);
    require(write(ends[1], "x", 1) == 1);
    do {
        require(nanosleep(&long_time, nullptr) == 0);
    } while (syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1) != 1);
    require(pthread_join(thread, nullptr) == 0);
    std::exit(3);
}

void handle(int) {}

void handler() {
    struct sigaction action{};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigaddset(&action.sa_mask, SIGTERM);
    require(sigaction(SIGUSR1, &action, nullptr) == 0);
    require(raise(SIGUSR1) == 0);
    sigset_t all;
    sigfillset(&all);
    require(sigprocmask(SIG_SETMASK, &all, nullptr) == 0);
    print("handled\n");
}

}  // namespace

int main(int, char** arguments) {
    const char* const what = arguments[1];
    if (std::strcmp(what, "calls") == 0) calls();
    if (std::strcmp(what, "threads") == 0) threads();
    if (std::strcmp(what, "handler") == 0) handler();
    if (std::strcmp(what, "fault") == 0) *reinterpret_cast<volatile int*>(16) = 1;
    if (std::strcmp(what, "killed") == 0) kill(getpid(), SIGTERM);
    return 0;
}
