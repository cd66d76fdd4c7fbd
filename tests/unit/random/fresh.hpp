#pragma once
// The generator's state lives as long as the kernel. A test that wants it as it is at boot runs in a process of its own.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace eremite::test {

using Octets = std::vector<uint8_t>;

// What `body` returned in a process in which nothing has used the generator.
template <typename Body>
Octets in_fresh_process(Body&& body) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    const pid_t child = fork();
    if (child < 0) std::abort();
    if (child == 0) {
        const Octets result = body();
        for (size_t done = 0; done < result.size();) {
            const ssize_t count = write(ends[1], result.data() + done, result.size() - done);
            if (count <= 0) _exit(2);
            done += static_cast<size_t>(count);
        }
        _exit(0);
    }
    close(ends[1]);
    Octets result;
    uint8_t buffer[4096];
    ssize_t count;
    while ((count = read(ends[0], buffer, sizeof buffer)) > 0) result.insert(result.end(), buffer, buffer + count);
    close(ends[0]);
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) std::abort();
    return result;
}

}  // namespace eremite::test
