// The default action after a handler that is called once: a second fault in it ends the program.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

int main() {
    struct sigaction action{};
    action.sa_handler = [](int) {
        constexpr char text[] = "the handler aborts\n";
        if (write(1, text, sizeof text - 1) != sizeof text - 1) _exit(2);
        abort();
    };
    action.sa_flags = SA_RESETHAND;
    sigaction(SIGABRT, &action, nullptr);
    raise(SIGABRT);
    return 1;
}
