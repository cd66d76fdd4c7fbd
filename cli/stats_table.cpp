#include "cli/stats_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/size.hpp"

namespace eremite::cli {

namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

struct Row {
    std::string name;
    std::string value;
};

std::string format_time(double milliseconds) {
    return fmt::format("{:.3f} ms", milliseconds);
}

// The split of the run. Image and host have no common clock, but both know when the exit was reported.
void add_times(std::vector<Row>& rows, const SessionEnd& end) {
    const auto entry = end.report.stat("boot.entry_tsc");
    const auto main_start = end.report.stat("boot.main_tsc");
    const auto exit = end.report.stat("boot.exit_tsc");
    const auto khz = end.report.stat("tsc_khz");
    const double total = Milliseconds(end.until_exit_report).count();
    if (entry && exit && khz && *khz != 0 && *exit >= *entry) {
        const auto ticks_as_ms = [&khz](uint64_t ticks) { return static_cast<double>(ticks) / static_cast<double>(*khz); };
        const double in_image = ticks_as_ms(*exit - *entry);
        rows.push_back({"VMM start to image entry", format_time(std::max(0.0, total - in_image))});
        if (main_start && *main_start >= *entry && *exit >= *main_start) {
            rows.push_back({"image entry to main", format_time(ticks_as_ms(*main_start - *entry))});
            rows.push_back({"main to exit", format_time(ticks_as_ms(*exit - *main_start))});
        } else {
            rows.push_back({"image entry to exit", format_time(in_image)});
        }
    }
    if (end.until_output) rows.push_back({"VMM start to first output", format_time(Milliseconds(*end.until_output).count())});
    rows.push_back({"VMM start to exit", format_time(total)});
    rows.push_back({"VMM start to its end", format_time(Milliseconds(end.until_end).count())});
}

}  // namespace

std::string format_stats(const SessionEnd& end) {
    std::vector<Row> rows;
    add_times(rows, end);
    for (const auto& [name, value] : end.report.stats) {
        const bool is_size = name == "memory.total" || name == "memory.free" || name.starts_with("memory.used") || name.starts_with("cell.memory.");
        rows.push_back({name, is_size ? fmt::format("{} ({})", value, format_size(value)) : fmt::format("{}", value)});
    }
    size_t width = 0;
    for (const Row& row : rows) width = std::max(width, row.name.size());
    std::string table;
    for (const Row& row : rows) table += fmt::format("{:<{}}  {}\n", row.name, width, row.value);
    return table;
}

}  // namespace eremite::cli
