#include "cli/compile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <optional>
#include <system_error>

#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/installation.hpp"

namespace eremite::cli {

namespace fs = std::filesystem;

namespace {

std::optional<SourceLanguage> find_language(const fs::path& path) {
    static constexpr std::array<std::string_view, 6> cxx{".cc", ".cpp", ".cxx", ".C", ".c++", ".cp"};
    static constexpr std::array<std::string_view, 14> fortran{".f", ".f77", ".f90", ".f95", ".f03", ".f08", ".for",
                                                              ".F", ".F77", ".F90", ".F95", ".F03", ".F08", ".FOR"};
    const std::string extension = path.extension().string();
    if (extension == ".c") return SourceLanguage::C;
    if (std::ranges::find(cxx, extension) != cxx.end()) return SourceLanguage::Cxx;
    if (std::ranges::find(fortran, extension) != fortran.end()) return SourceLanguage::Fortran;
    return std::nullopt;
}

std::string find_compiler(SourceLanguage language) {
    const char* const name = language == SourceLanguage::C     ? "eremite-cc"
                             : language == SourceLanguage::Cxx ? "eremite-c++"
                                                               : "eremite-fortran";
    if (const auto wrapper = find_companion(name)) return wrapper->string();
    throw Failure{exit_status::not_found, fmt::format("the compiler wrapper {} is neither beside this command nor in PATH", name)};
}

void run_compiler(const std::vector<std::string>& words) {
    const int status = run_tool(words);
    if (status != 0)
        throw Failure{exit_status::eremite_failed, fmt::format("{} failed (status {})", fs::path{words[0]}.filename().string(), status)};
}

// A folder that goes with the object.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (fs::temp_directory_path() / "eremite-build-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw Failure{exit_status::eremite_failed, "cannot make a temporary folder"};
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        // What cannot be removed stays in the folder for temporary files.
        std::error_code error;
        fs::remove_all(path_, error);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

// The files a make rule "target: a b \ c" names after the colon; spaces in names are escaped.
std::vector<std::string> dependencies_of(std::string_view rule) {
    std::vector<std::string> files;
    const size_t colon = rule.find(':');
    if (colon == std::string_view::npos) return files;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) files.push_back(std::exchange(word, {}));
    };
    for (size_t i = colon + 1; i < rule.size(); ++i) {
        if (rule[i] == '\\' && i + 1 < rule.size()) {
            ++i;
            if (rule[i] != '\n') word += rule[i];
        } else if (rule[i] == ' ' || rule[i] == '\n') {
            finish();
        } else {
            word += rule[i];
        }
    }
    finish();
    return files;
}

bool is_current(const fs::path& image, const fs::path& rule, const fs::path& source, const std::string& compiler) {
    std::error_code error;
    const auto built = fs::last_write_time(image, error);
    if (error) return false;
    std::vector<std::string> files = dependencies_of(read_text(rule).value_or(""));
    files.push_back(source.string());
    files.push_back(compiler);
    // The parts of the kernel that the wrapper links in.
    if (const auto kernel = find_data("eremite.o")) files.push_back(kernel->string());
    return std::ranges::all_of(files, [&](const std::string& file) {
        const auto written = fs::last_write_time(file, error);
        return !error && written < built;
    });
}

}  // namespace

bool is_source(const fs::path& path) {
    return find_language(path).has_value();
}

SourceLanguage language_of(const fs::path& source) {
    if (const auto language = find_language(source)) return *language;
    throw Failure{exit_status::usage, fmt::format("{}: not a C, C++ or Fortran source by its extension", source.string())};
}

void build_image(std::span<const std::string> sources, const fs::path& image, std::span<const std::string> flags) {
    std::vector<SourceLanguage> languages;
    for (const std::string& source : sources) {
        std::error_code error;
        if (!fs::exists(source, error)) throw Failure{exit_status::not_found, fmt::format("{}: no such file", source)};
        languages.push_back(language_of(source));
    }
    const auto has = [&languages](SourceLanguage language) { return std::ranges::find(languages, language) != languages.end(); };
    const SourceLanguage linker = has(SourceLanguage::Cxx)       ? SourceLanguage::Cxx
                                  : has(SourceLanguage::Fortran) ? SourceLanguage::Fortran
                                                                 : SourceLanguage::C;
    std::vector<std::string> link{find_compiler(linker)};
    const bool one_language = std::ranges::all_of(languages, [linker](SourceLanguage language) { return language == linker; });
    std::optional<TemporaryFolder> objects;
    if (one_language) {
        link.insert(link.end(), sources.begin(), sources.end());
    } else {
        // Each source by its own compiler: the C++ compiler would take C for C++.
        objects.emplace();
        for (size_t i = 0; i < sources.size(); ++i) {
            const std::string object = (objects->path() / fmt::format("{}.o", i)).string();
            std::vector<std::string> words{find_compiler(languages[i])};
            words.insert(words.end(), flags.begin(), flags.end());
            words.insert(words.end(), {"-c", sources[i], "-o", object});
            run_compiler(words);
            link.push_back(object);
        }
    }
    link.insert(link.end(), flags.begin(), flags.end());
    if (linker == SourceLanguage::Cxx && has(SourceLanguage::Fortran)) link.insert(link.end(), {"-lgfortran", "-lquadmath", "-Wl,-u,pthread_mutex_destroy"});
    link.insert(link.end(), {"-o", image.string()});
    run_compiler(link);
}

fs::path cached_image(const fs::path& source) {
    std::error_code error;
    const fs::path absolute = fs::absolute(source, error);
    const SourceLanguage language = language_of(source);
    const std::string compiler = find_compiler(language);
    // What the wrapper makes of it depends on this variable too.
    const char* const components = std::getenv("EREMITE_COMPONENTS");
    const std::string made_of = absolute.string() + '\n' + compiler + '\n' + (components ? components : "");
    const fs::path folder = cache_folder() / "images" / fmt::format("{:016x}", std::hash<std::string>{}(made_of));
    fs::create_directories(folder, error);
    if (error) throw Failure{exit_status::eremite_failed, fmt::format("{}: {}", folder.string(), error.message())};
    const fs::path image = folder / source.stem();
    const fs::path rule = folder / "dependencies.d";
    if (is_current(image, rule, absolute, compiler)) return image;
    std::vector<std::string> flags{"-O2", "-g"};
    // gfortran writes no such rule; a Fortran source is its own only dependency.
    if (language != SourceLanguage::Fortran) flags.insert(flags.end(), {"-MMD", "-MF", rule.string()});
    const std::string sources[]{absolute.string()};
    // Two commands may be at it at once: each makes its own, and the last one stays.
    const fs::path fresh = folder / fmt::format("{}.{}", source.stem().string(), ::getpid());
    build_image(sources, fresh, flags);
    fs::rename(fresh, image, error);
    if (error) throw Failure{exit_status::eremite_failed, fmt::format("{}: {}", image.string(), error.message())};
    return image;
}

}  // namespace eremite::cli
