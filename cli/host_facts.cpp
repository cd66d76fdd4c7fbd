#include "cli/host_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/kvm_probe.hpp"
#include "cli/tsc.hpp"

namespace eremite::cli {

namespace {

// The start of the host's kernel.
std::string current_key() {
    std::string boot = read_text("/proc/sys/kernel/random/boot_id").value_or("unknown");
    std::erase(boot, '\n');
    return boot;
}

template <typename T>
bool read_value(const std::map<std::string_view, std::string_view>& values, std::string_view name, T& value) {
    const auto found = values.find(name);
    if (found == values.end()) return false;
    const std::string_view text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string serialize(const HostFacts& facts) {
    std::string detail = facts.kvm.detail;
    std::ranges::replace(detail, '\n', ' ');
    return fmt::format("key={}\ntsc_khz={}\nkvm_state={}\nring0_ns={}\nring3_ns={}\nring3_works={}\ndetail={}\n", facts.key, facts.tsc_khz,
                       static_cast<int>(facts.kvm.state), facts.kvm.ring0_ns, facts.kvm.ring3_ns, facts.kvm.ring3_works ? 1 : 0, detail);
}

std::optional<HostFacts> parse_host_facts(std::string_view text) {
    std::map<std::string_view, std::string_view> values;
    while (!text.empty()) {
        const size_t newline = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, newline);
        text.remove_prefix(std::min(newline + 1, text.size()));
        const size_t equals = line.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        values[line.substr(0, equals)] = line.substr(equals + 1);
    }
    HostFacts facts;
    int state = 0;
    int ring3_works = 0;
    if (!values.contains("key") || !values.contains("detail") || !read_value(values, "tsc_khz", facts.tsc_khz) ||
        !read_value(values, "kvm_state", state) || !read_value(values, "ring0_ns", facts.kvm.ring0_ns) ||
        !read_value(values, "ring3_ns", facts.kvm.ring3_ns) || !read_value(values, "ring3_works", ring3_works) || state < 0 ||
        state > static_cast<int>(KvmState::Works)) {
        return std::nullopt;
    }
    facts.key = values["key"];
    facts.kvm.detail = values["detail"];
    facts.kvm.state = static_cast<KvmState>(state);
    facts.kvm.ring3_works = ring3_works != 0;
    return facts;
}

HostFacts host_facts(bool measure_anew) {
    const std::filesystem::path memory = cache_folder() / "accelerator";
    const std::string key = current_key();
    const KvmState permission = kvm_permission();
    if (!measure_anew) {
        if (const auto text = read_text(memory)) {
            auto facts = parse_host_facts(*text);
            const auto measured = [](KvmState state) { return state == KvmState::Works || state == KvmState::Broken; };
            if (facts && facts->key == key && facts->tsc_khz != 0 && measured(facts->kvm.state) == measured(permission)) {
                if (!measured(permission)) facts->kvm.state = permission;
                return *facts;
            }
        }
    }
    HostFacts facts{.key = key, .tsc_khz = measure_tsc_khz(), .kvm = measure_kvm()};
    // A memory that cannot be written only costs the next run the same measurement.
    (void)replace_text(memory, serialize(facts));
    return facts;
}

}  // namespace eremite::cli
