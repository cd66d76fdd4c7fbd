// An ordinary C++20 program that shows what an image can do. Its standard output is the same in a virtual machine and as a
// Linux process, byte for byte; times go to standard error.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numbers>
#include <numeric>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

void heading(std::string_view title) { std::cout << "\n== " << title << " " << std::string(66 - title.size(), '=') << "\n"; }

// Says on standard error how long a section took.
class Stopwatch {
public:
    explicit Stopwatch(std::string_view what) : what_{what} {}
    ~Stopwatch() {
        const std::chrono::duration<double, std::milli> ms = Clock::now() - start_;
        std::cerr << std::left << std::setw(28) << what_ << std::right << std::fixed << std::setprecision(2) << std::setw(10) << ms.count() << " ms\n";
    }

private:
    std::string_view what_;
    Clock::time_point start_ = Clock::now();
};

// FNV-1a, to compare large results by one number.
uint64_t checksum(std::string_view bytes) {
    uint64_t hash = 0xcbf29ce484222325;
    for (unsigned char c : bytes) hash = (hash ^ c) * 0x100000001b3;
    return hash;
}

void show_arguments(int argc, char** argv) {
    heading("arguments and environment");
    std::cout << "arguments: " << argc - 1 << "\n";
    for (int i = 1; i < argc; ++i) std::cout << "  " << i << ": \"" << argv[i] << "\"\n";
    const char* greeting = std::getenv("GREETING");
    std::cout << "GREETING is " << (greeting ? greeting : "not set") << "\n";
}

struct Resource {
    explicit Resource(std::string name) : name_{std::move(name)} {}
    ~Resource() { std::cout << "  released: " << name_ << "\n"; }
    std::string name_;
};

int descend(int depth) {
    const Resource resource{"frame " + std::to_string(depth)};
    if (depth == 3) throw std::out_of_range("thrown three frames down");
    return descend(depth + 1) + 1;
}

void show_exceptions() {
    heading("exceptions");
    try {
        descend(1);
    } catch (const std::logic_error& error) {
        std::cout << "caught: " << error.what() << "\n";
    }
    try {
        try {
            throw std::runtime_error("the cause");
        } catch (...) {
            std::throw_with_nested(std::runtime_error("the consequence"));
        }
    } catch (const std::exception& outer) {
        std::cout << "caught: " << outer.what();
        try {
            std::rethrow_if_nested(outer);
        } catch (const std::exception& inner) {
            std::cout << ", because of " << inner.what() << "\n";
        }
    }
    std::exception_ptr kept;
    try {
        (void)std::stoi("not a number");
    } catch (...) {
        kept = std::current_exception();
    }
    try {
        std::rethrow_exception(kept);
    } catch (const std::invalid_argument& error) {
        std::cout << "rethrown: " << error.what() << "\n";
    }
    std::cout << "a bad cast " << ([] {
        std::unique_ptr<std::ostream> stream = std::make_unique<std::ostringstream>();
        try {
            (void)dynamic_cast<std::ofstream&>(*stream);
        } catch (const std::bad_cast&) {
            return "is noticed";
        }
        return "goes unnoticed";
    }()) << "\n";
}

void show_containers() {
    heading("containers, strings, regular expressions");
    const std::string text = "the quick brown fox jumps over the lazy dog and the fox sleeps";
    std::map<std::string, int> words;
    const std::regex word{"[a-z]+"};
    for (std::sregex_iterator it{text.begin(), text.end(), word}, end; it != end; ++it) ++words[it->str()];
    for (const auto& [name, count] : words)
        if (count > 1) std::cout << "  " << std::left << std::setw(6) << name << std::right << count << "\n";
    std::unordered_map<uint64_t, uint64_t> squares;
    for (uint64_t i = 0; i < 10000; ++i) squares[i] = i * i;
    std::cout << "sum of squares below 10000: "
              << std::accumulate(squares.begin(), squares.end(), uint64_t{0}, [](uint64_t sum, const auto& pair) { return sum + pair.second; }) << "\n";
    std::cout << std::hex << std::showbase << 48879 << std::dec << " " << std::setprecision(12) << std::numbers::pi << " " << std::scientific
              << std::setprecision(3) << 6.02214076e23 << std::defaultfloat << std::setprecision(6) << " " << std::boolalpha << true << "\n";
}

void show_random() {
    heading("random numbers");
    std::mt19937_64 engine{42};
    std::uniform_int_distribution<int> die{1, 6};
    std::cout << "a seeded die:";
    for (int i = 0; i < 12; ++i) std::cout << ' ' << die(engine);
    std::normal_distribution<double> normal{100, 15};
    double sum = 0;
    for (int i = 0; i < 10000; ++i) sum += normal(engine);
    std::cout << "\nmean of 10000 normal samples: " << std::fixed << std::setprecision(4) << sum / 10000 << std::defaultfloat << "\n";
    std::random_device device;
    std::set<unsigned> seen;
    for (int i = 0; i < 64; ++i) seen.insert(device());
    std::cout << "the system's random numbers repeat: " << (seen.size() < 63) << "\n";
}

void show_files(const fs::path& folder) {
    heading("files");
    fs::remove_all(folder);
    fs::create_directories(folder / "a" / "b");
    for (int i = 1; i <= 3; ++i) {
        std::ofstream file{folder / "a" / ("file" + std::to_string(i) + ".txt")};
        for (int line = 0; line < i * 100; ++line) file << "line " << line << " of file " << i << "\n";
    }
    fs::create_symlink("file1.txt", folder / "a" / "link");
    fs::rename(folder / "a" / "file3.txt", folder / "a" / "b" / "moved.txt");
    fs::resize_file(folder / "a" / "file2.txt", 1000);
    std::vector<std::string> lines;
    for (const auto& entry : fs::recursive_directory_iterator{folder}) {
        std::ostringstream line;
        line << "  " << entry.path().lexically_relative(folder).string();
        if (entry.is_symlink()) line << " -> " << fs::read_symlink(entry.path()).string();
        else if (entry.is_directory()) line << "/";
        else line << " (" << entry.file_size() << " bytes)";
        lines.push_back(line.str());
    }
    std::ranges::sort(lines);
    for (const auto& line : lines) std::cout << line << "\n";
    std::ifstream file{folder / "a" / "link"};
    std::string last;
    for (std::string line; std::getline(file, line);) last = line;
    std::cout << "last line through the link: " << last << "\n";
    std::error_code error;
    (void)fs::file_size(folder / "absent", error);
    std::cout << "a file that is not there: " << error.message() << "\n";
}

void show_sort() {
    heading("std::sort of a million numbers");
    const Stopwatch watch{"sort"};
    std::mt19937 engine{7};
    std::vector<uint32_t> numbers(1'000'000);
    std::ranges::generate(numbers, engine);
    std::ranges::sort(numbers);
    std::cout << "sorted: " << std::ranges::is_sorted(numbers) << ", smallest " << numbers.front() << ", median " << numbers[numbers.size() / 2]
              << ", largest " << numbers.back() << "\n";
}

void show_pi() {
    heading("pi by integration");
    const Stopwatch watch{"pi"};
    constexpr int steps = 1'000'000;
    double sum = 0;
    for (int i = 0; i < steps; ++i) {
        const double x = (i + 0.5) / steps;
        sum += 4 / (1 + x * x);
    }
    std::cout << std::fixed << std::setprecision(10) << sum / steps << std::defaultfloat << "\n";
}

void show_matrix() {
    heading("matrix multiplication");
    const Stopwatch watch{"matrix multiplication"};
    constexpr size_t n = 160;
    std::vector<double> a(n * n), b(n * n), c(n * n);
    for (size_t i = 0; i < n * n; ++i) {
        a[i] = static_cast<double>(i % 17) - 8;
        b[i] = static_cast<double>(i % 23) - 11;
    }
    for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k < n; ++k)
            for (size_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
    double trace = 0;
    for (size_t i = 0; i < n; ++i) trace += c[i * n + i];
    std::cout << n << " x " << n << ", trace " << trace << "\n";
}

// Iterations until the point escapes, at most `limit`.
int mandelbrot(std::complex<double> c, int limit) {
    std::complex<double> z = 0;
    int n = 0;
    for (; n < limit && std::norm(z) <= 4; ++n) z = z * z + c;
    return n;
}

void show_mandelbrot(const fs::path& folder) {
    heading("Mandelbrot set");
    constexpr int limit = 64;
    for (int y = 0; y < 21; ++y) {
        for (int x = 0; x < 68; ++x) {
            const int n = mandelbrot({-2.2 + x * 3.2 / 68, -1.2 + y * 2.4 / 20}, limit);
            std::cout << " .:-=+*#%@"[n == limit ? 9 : n * 9 / limit];
        }
        std::cout << "\n";
    }
    const Stopwatch watch{"Mandelbrot picture"};
    constexpr int width = 160, height = 120;
    std::ostringstream image;
    image << "P5\n" << width << " " << height << "\n255\n";
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            image << static_cast<char>(255 - mandelbrot({-2.2 + x * 3.2 / width, -1.2 + y * 2.4 / height}, limit) * 255 / limit);
    std::ofstream{folder / "mandelbrot.pgm", std::ios::binary} << image.str();
    std::ifstream file{folder / "mandelbrot.pgm", std::ios::binary};
    std::ostringstream back;
    back << file.rdbuf();
    std::cout << "mandelbrot.pgm: " << fs::file_size(folder / "mandelbrot.pgm") << " bytes, checksum " << std::hex << checksum(back.str()) << std::dec
              << "\n";
}

}  // namespace

int main(int argc, char** argv) {
    const Stopwatch watch{"everything"};
    std::cout << "A C++ program, as a Linux process or a virtual machine of its own\n" << std::boolalpha;
    const fs::path folder = fs::temp_directory_path() / "eremite-demo";
    show_arguments(argc, argv);
    show_exceptions();
    show_containers();
    show_random();
    show_files(folder);
    show_sort();
    show_pi();
    show_matrix();
    show_mandelbrot(folder);
    fs::remove_all(folder);
    std::cout << "\nDone.\n";
}
