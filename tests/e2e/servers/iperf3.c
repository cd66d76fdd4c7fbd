// iperf3 as its command is: the library does all of it.
#include <stdint.h>
#include <stdio.h>

#include <iperf_api.h>

int main(int argc, char** argv) {
    struct iperf_test* const test = iperf_new_test();
    if (!test || iperf_defaults(test) < 0 || iperf_parse_arguments(test, argc, argv) < 0) {
        fprintf(stderr, "iperf3: %s\n", iperf_strerror(i_errno));
        return 1;
    }
    if (iperf_get_test_role(test) == 's') {
        // Clients one after the other, until the machine ends.
        while (iperf_run_server(test) >= 0) iperf_reset_test(test);
    } else if (iperf_run_client(test) >= 0) {
        iperf_free_test(test);
        return 0;
    }
    fprintf(stderr, "iperf3: %s\n", iperf_strerror(i_errno));
    return 1;
}
