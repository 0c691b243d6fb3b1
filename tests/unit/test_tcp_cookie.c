/* tcp/cookie.c: what a cookie carries, how long it is good, and that nobody else can make one (RFC 4987, 3.6). */
#include "tcp_unit.h"

#define IRS seq_of(7777)

static void the_mss_comes_back_rounded_down(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        uint16_t peer, back;
    } row[] = {{88, 88},     {535, 88},    {536, 536},   {767, 536},   {768, 768},   {1219, 768},  {1220, 1220},
               {1300, 1300}, {1400, 1300}, {1459, 1440}, {1460, 1460}, {8959, 1460}, {8960, 8960}, {65535, 8960}};
    struct tcp_key key = tu_key(80, 4000);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint16_t mss = 0;
        seq iss = tcp_cookie_make(&u->tcp, &key, IRS, row[i].peer);
        assert_true(tcp_cookie_check(&u->tcp, &key, IRS, iss, &mss));
        assert_int_equal(mss, row[i].back);
    }
}

static void it_is_good_for_two_to_three_units_of_64_seconds(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key key = tu_key(80, 4000);
    uint16_t mss;
    u->env.now = 64 * LA_SECOND * 100;
    seq iss = tcp_cookie_make(&u->tcp, &key, IRS, 1460);
    u->env.now += 3 * 64 * LA_SECOND - 1;
    assert_true(tcp_cookie_check(&u->tcp, &key, IRS, iss, &mss));
    u->env.now += 1;
    assert_false(tcp_cookie_check(&u->tcp, &key, IRS, iss, &mss));
}

/* Only five bits of the time are in it; the others must be in the hash. */
static void it_does_not_come_to_life_again(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key key = tu_key(80, 4000);
    uint16_t mss;
    seq iss = tcp_cookie_make(&u->tcp, &key, IRS, 1460);
    u->env.now += 32 * 64 * LA_SECOND;
    assert_false(tcp_cookie_check(&u->tcp, &key, IRS, iss, &mss));
}

/* One bit of the cookie, the ISN or the tuple: 24 bits of hash let one in 16 million pass, and these do not. */
static void whatever_is_changed_is_noticed(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key key = tu_key(80, 4000), other = tu_key(80, 4001), turned = tu_key(4000, 80);
    seq iss = tcp_cookie_make(&u->tcp, &key, IRS, 1460);
    uint16_t mss;
    for (unsigned bit = 0; bit < 32; bit++) {
        assert_false(tcp_cookie_check(&u->tcp, &key, IRS, seq_of(iss.n ^ 1u << bit), &mss));
        assert_false(tcp_cookie_check(&u->tcp, &key, seq_of(IRS.n ^ 1u << bit), iss, &mss));
    }
    assert_false(tcp_cookie_check(&u->tcp, &other, IRS, iss, &mss));
    assert_false(tcp_cookie_check(&u->tcp, &turned, IRS, iss, &mss));
    u->env.key.k1 ^= 1;
    assert_false(tcp_cookie_check(&u->tcp, &key, IRS, iss, &mss));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_mss_comes_back_rounded_down),
        TU_TEST(it_is_good_for_two_to_three_units_of_64_seconds),
        TU_TEST(it_does_not_come_to_life_again),
        TU_TEST(whatever_is_changed_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
