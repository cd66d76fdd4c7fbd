// A program for snapshots: it answers the lines of its input, each by one line.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<unsigned long> turns{0};
std::atomic<bool> wrong{false}, ending{false};

// Keeps numbers in registers for as long as it runs.
void compute(double start) {
    const double expected = start * 3 + 1;
    while (!ending) {
        double x = start;
        for (int i = 0; i < 1000; ++i) x = std::sqrt(x * x);
        if (std::fabs(x * 3 + 1 - expected) > 1e-6) wrong = true;
        ++turns;
    }
}

std::string random_number() {
    unsigned long number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return "no random number";
    char text[32];
    std::snprintf(text, sizeof text, "%016lx", number);
    return text;
}

std::string addresses() {
    std::string text;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return "no addresses";
    for (const ifaddrs* i = list; i; i = i->ifa_next) {
        if (!i->ifa_addr || std::strcmp(i->ifa_name, "lo") == 0) continue;
        char part[64] = "";
        if (i->ifa_addr->sa_family == AF_INET) ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr, part, sizeof part);
        if (i->ifa_addr->sa_family == AF_PACKET) {
            const auto* const m = reinterpret_cast<const sockaddr_ll*>(i->ifa_addr)->sll_addr;
            std::snprintf(part, sizeof part, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        }
        if (*part) text += std::string{text.empty() ? "" : " "} + part;
    }
    ::freeifaddrs(list);
    return text;
}

std::string answer(const std::string& line) {
    std::istringstream words{line};
    std::string what, path, text;
    words >> what >> path >> text;
    if (what == "random") return random_number();
    if (what == "addresses") return addresses();
    if (what == "time") return std::to_string(std::time(nullptr));
    if (what == "write") return (std::ofstream{path} << text).good() ? "written" : "failed";
    if (what == "read") {
        std::getline(std::ifstream{path} >> std::ws, text);
        return text.empty() ? "nothing" : text;
    }
    if (what == "computing") {
        const unsigned long before = turns;
        while (turns < before + 4 && !wrong) std::this_thread::yield();
        return wrong ? "wrong" : "right";
    }
    return "what?";
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::thread> threads;
    for (int i = 0; argc > 1 && i < std::atoi(argv[1]); ++i) threads.emplace_back(compute, i + 1.5);
    std::cout << "ready" << std::endl;
    std::string line;
    unsigned count = 0;
    while (std::getline(std::cin, line) && line != "quit") std::cout << ++count << ' ' << answer(line) << std::endl;
    ending = true;
    for (std::thread& thread : threads) thread.join();
    return 7;
}
