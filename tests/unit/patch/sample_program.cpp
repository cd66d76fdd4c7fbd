// A static C++ program with much of the library in it: real code to decode, real system-call sites to patch.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace {

int probe(const std::string& word) {
    if (word.empty()) throw std::invalid_argument{"empty"};
    return static_cast<int>(word.size());
}

}  // namespace

int main(int argc, char** argv) {
    std::map<std::string, int> counts;
    const std::regex words{"[a-z]+"};
    for (int i = 0; i < argc; ++i) {
        const std::string text = argv[i];
        for (std::sregex_iterator at{text.begin(), text.end(), words}, end; at != end; ++at) ++counts[at->str()];
    }
    try {
        counts["probe"] = std::async(std::launch::async, probe, std::string{}).get();
    } catch (const std::exception& e) {
        std::cout << e.what() << '\n';
    }
    std::ostringstream out;
    for (const auto& [word, n] : counts) out << word << ' ' << n << '\n';
    std::cout << out.str() << std::filesystem::current_path() << '\n';
    std::ifstream{"/dev/null"} >> counts["file"];
    const int poll = epoll_create1(0);
    const int event = eventfd(0, 0);
    const int stream = socket(AF_INET, SOCK_STREAM, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    return poll < 0 || event < 0 || stream < 0;
}
