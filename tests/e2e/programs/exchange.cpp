// Streams whose every byte is checked. `exchange serve PORT` answers until it is told to end; `exchange with ADDRESS PORT BYTES` sends so many bytes
// and receives as many; `exchange end ADDRESS PORT` ends the server.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

constexpr size_t piece = 65536;

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "%s: %s\n", what, errno == 0 ? "wrong" : std::strerror(errno));
    std::exit(1);
}

// The word of a stream at an offset of eight bytes: no two parts of it are alike.
uint64_t word_at(uint64_t offset) { return (offset + 1) * 0x9e37'79b9'7f4a'7c15; }

void fill(std::vector<uint64_t>& words, uint64_t offset) {
    for (uint64_t& word : words) word = word_at(offset), offset += sizeof word;
}

void send_all(int socket, const void* data, size_t size) {
    for (const char* at = static_cast<const char*>(data); size > 0;) {
        const ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);
        if (sent < 0) fail("send");
        at += sent;
        size -= static_cast<size_t>(sent);
    }
}

// False: the end of the stream before anything.
bool receive_all(int socket, void* data, size_t size) {
    for (char* at = static_cast<char*>(data); size > 0;) {
        const ssize_t got = recv(socket, at, size, 0);
        if (got < 0) fail("recv");
        if (got == 0) {
            errno = 0;
            if (at != data) fail("the stream ended");
            return false;
        }
        at += got;
        size -= static_cast<size_t>(got);
    }
    return true;
}

void send_stream(int socket, uint64_t bytes) {
    std::vector<uint64_t> words(piece / sizeof(uint64_t));
    for (uint64_t at = 0; at < bytes; at += piece) {
        fill(words, at);
        send_all(socket, words.data(), std::min<uint64_t>(piece, bytes - at));
    }
}

void check_stream(int socket, uint64_t bytes) {
    std::vector<uint64_t> words(piece / sizeof(uint64_t)), wanted(words);
    for (uint64_t at = 0; at < bytes; at += piece) {
        const size_t size = std::min<uint64_t>(piece, bytes - at);
        if (!receive_all(socket, words.data(), size)) fail("the stream ended");
        fill(wanted, at);
        errno = 0;
        if (std::memcmp(words.data(), wanted.data(), size) != 0) fail("data");
    }
}

int make_socket(const char* address, const char* port, sockaddr_in& at) {
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
    const int made = socket(AF_INET, SOCK_STREAM, 0);
    if (made < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1) fail("socket");
    return made;
}

int serve(const char* port) {
    sockaddr_in at{};
    const int listener = make_socket("0.0.0.0", port, at);
    if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(listener, 8) != 0) fail("bind");
    std::puts("ready");
    std::fflush(stdout);
    for (;;) {
        const int client = accept(listener, nullptr, nullptr);
        if (client < 0) fail("accept");
        uint64_t bytes = 0;
        if (!receive_all(client, &bytes, sizeof bytes)) fail("accept");
        if (bytes == 0) return 0;
        check_stream(client, bytes);
        send_all(client, &bytes, sizeof bytes);
        send_stream(client, bytes);
        // Until the client has it all.
        if (receive_all(client, &bytes, sizeof bytes)) fail("more than was sent");
        close(client);
    }
}

int exchange(const char* address, const char* port, uint64_t bytes) {
    sockaddr_in at{};
    const int server = make_socket(address, port, at);
    if (connect(server, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) fail("connect");
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    send_all(server, &bytes, sizeof bytes);
    if (bytes == 0) return 0;
    send_stream(server, bytes);
    uint64_t seen = 0;
    if (!receive_all(server, &seen, sizeof seen) || seen != bytes) fail("the server's count");
    const auto middle = Clock::now();
    check_stream(server, bytes);
    const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
    std::printf("%llu bytes sent in %.2f s and received in %.2f s\n", static_cast<unsigned long long>(bytes), seconds(middle - start),
                seconds(Clock::now() - middle));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "serve" && argc == 3) return serve(argv[2]);
    if (what == "with" && argc == 5) return exchange(argv[2], argv[3], std::strtoull(argv[4], nullptr, 10));
    if (what == "end" && argc == 4) return exchange(argv[2], argv[3], 0);
    std::fputs("exchange serve PORT | with ADDRESS PORT BYTES | end ADDRESS PORT\n", stderr);
    return 2;
}
