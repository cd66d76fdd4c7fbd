#pragma once
// The processors of the machine, as firmware tells: the MADT of ACPI, else the table of the MultiProcessor specification 1.4.
// Foreign data: what is not in order ends the list.
#include <cstddef>
#include <cstdint>

#include "libos/platform/memory_view.hpp"

namespace eremite::platform {

struct Processors {
    static constexpr size_t most = 64;
    uint32_t ids[most]{};  // of their local APICs
    size_t count = 0;
    void add(uint32_t id) {
        for (size_t i = 0; i < count; ++i)
            if (ids[i] == id) return;
        if (count < most) ids[count++] = id;
    }
};

// The usable ones. Empty when firmware says nothing. `rsdp`: root pointer of ACPI; 0: there is none.
[[nodiscard]] Processors find_processors(PhysicalAddress rsdp, MemoryView& memory);

}  // namespace eremite::platform
