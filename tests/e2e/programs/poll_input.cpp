// What poll(2), select(2) and epoll(7) say of standard input that has ended, before and after the rest of it was read.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#include <cstdio>

namespace {

void look(int epoll) {
    pollfd p{0, POLLIN, 0};
    poll(&p, 1, -1);
    epoll_event event{};
    epoll_wait(epoll, &event, 1, -1);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(0, &set);
    const int selected = select(1, &set, nullptr, nullptr, nullptr);
    int bytes = -1;
    ioctl(0, FIONREAD, &bytes);
    std::printf("select %d bytes %d epoll %#x poll %#x\n", selected, bytes > 0, event.events, static_cast<unsigned>(p.revents));
}

}  // namespace

int main() {
    const int epoll = epoll_create1(0);
    epoll_event wanted{EPOLLIN, {.u64 = 0}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &wanted);
    // Nothing is asked for: only the end counts.
    pollfd end{0, 0, 0};
    std::printf("end %d ", poll(&end, 1, -1));
    std::printf("%#x\n", static_cast<unsigned>(end.revents));
    look(epoll);
    char bytes[100];
    for (ssize_t got; (got = read(0, bytes, sizeof bytes)) > 0;) std::printf("read %zd\n", got);
    look(epoll);
}
