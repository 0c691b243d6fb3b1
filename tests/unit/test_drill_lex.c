/* drill/lex.c: tokens, what stands between them, defines and directives. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "drill/lex.h"

/* "W:abc I:12 …": every token's kind and text, so that a test is one line. */
static void check(const char *source, const struct la_drill_options *options, const char *expected) {
    char text[512];
    size_t len = 0;
    struct lexer lexer = lex_of(source, strlen(source), options);
    struct lex_token token;
    text[0] = '\0';
    while ((token = lex_next(&lexer)).kind != LEX_END) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%c:%.*s", len > 0 ? " " : "",
                                ".IHDWSCK~OX!"[token.kind], (int)token.len, token.text);
        if (token.kind == LEX_BAD) break;
    }
    assert_string_equal(text, expected);
}

static void the_longest_token_wins(void **state) {
    (void)state;
    check("12 -3 0x1F 12ab 0xzz .5 -1.25 0.1...0.2", NULL,
          "I:12 I:-3 H:0x1F W:12ab W:0xzz D:.5 D:-1.25 D:0.1 ~:... D:0.2");
    check("1:1461(1460)", NULL, "I:1 X:: I:1461 X:( I:1460 X:)");
    check("0...2 1. --mtu=3 -D", NULL, "I:0 ~:... I:2 I:1 X:. O:--mtu X:= I:3 O:-D");
    check("+.1~+.2 * @", NULL, "X:+ D:.1 X:~ X:+ D:.2 X:* X:@");
}

static void comments_are_what_the_originals_take_for_comments(void **state) {
    (void)state;
    check("a // b\nc", NULL, "W:a W:c");
    check("a // to the end", NULL, "W:a");
    check("a # b\nc", NULL, "W:a W:c");
    check("a /* b\n // */ c", NULL, "W:a W:c");
    check("a /**/ b", NULL, "W:a W:b");
    check("a /* x ***/ b", NULL, "W:a W:b");
    check("a /* x **/ b /* y */ c", NULL, "W:a W:c");
    check("a /*/ b", NULL, "W:a !:a comment without end (\"**/\" does not end one)");
    check("\ta\r\n", NULL, "W:a");
}

static void quotes(void **state) {
    (void)state;
    check("\"a b\" 'c' `ls\n-l`", NULL, "S:a b S:c C:ls\n-l");
    check("\"a\\\"b\" c", NULL, "S:a\\\"b W:c");
    check("\"\" x", NULL, "S: W:x");
    check("\"a\\\" b", NULL, "S:a\\ W:b");
    check("\"abc", NULL, "!:a string without end");
    check("`abc", NULL, "!:a `command` without end");
}

static void code_is_stripped_of_spaces_only(void **state) {
    (void)state;
    check("%{ \t a\n b \t}% c", NULL, "K:a\n b W:c");
    check("%{\n  x = {}\n}%", NULL, "K:\n  x = {}\n");
    check("%{ d = {}}% }%", NULL, "K:d = {}}%");
    check("%{}%", NULL, "K:");
    check("%{ a", NULL, "!:code without end (\"}}%\" does not end it)");
}

static const struct la_drill_options defines = {
    .ndefines = 8,
    .define = {{"N", "12"},
               {"H", "0xff"},
               {"S", "\"text\""},
               {"C", "`ls -l`"},
               {"W", "N"},
               {"FLAG", ""},
               {"COOKIE", "00ab12"},
               {"NEG", "-5"}},
};

static void defines_stand_in_for_words(void **state) {
    (void)state;
    check("N H S C W FLAG COOKIE NEG NN", &defines, "I:12 H:0xff S:text C:ls -l W:N W:FLAG W:00ab12 I:-5 W:NN");
}

static void directives_choose(void **state) {
    (void)state;
    check("#ifdef FLAG\na\n#endif\nb", &defines, "W:a W:b");
    check("#ifdef OTHER\na\n#endif\nb", &defines, "W:b");
    check("#ifndef OTHER a #else b #endif c", &defines, "W:a W:c");
    check("#ifndef FLAG a #else b #endif c", &defines, "W:b W:c");
    check("#ifdef FLAG #ifdef OTHER a #else b #endif c #else d #endif e", &defines, "W:b W:c W:e");
    check("#ifdef OTHER #ifdef FLAG a #else b #endif c #else d #endif e", &defines, "W:d W:e");
    check("#ifdef OTHER \" ` /* %{ #endif a", &defines, "W:a");
}

static void directives_must_match(void **state) {
    (void)state;
    check("#endif", NULL, "!:#endif without #ifdef");
    check("#else", NULL, "!:#else without #ifdef");
    check("#ifdef", NULL, "!:#ifdef without a name");
    check("#ifdef 1", NULL, "!:#ifdef without a name");
    check("#ifdef OTHER a", NULL, "!:#ifdef without #endif");
    check("#ifdef FLAG a", &defines, "W:a !:#ifdef without #endif");
    check("#ifdef FLAG a #else b", &defines, "W:a !:#else without #endif");
    check("#ifdef OTHER #else #else #endif", &defines, "!:#else without #ifdef");
    check("#if FLAG", &defines, "!:a directive that is not #ifdef, #ifndef, #else or #endif");
    char deep[20 * 13 + 1] = "";
    for (int i = 0; i < 20; i++) strcat(deep, "#ifdef FLAG\n");
    check(deep, &defines, "!:#ifdef nested too deeply");
}

static void a_token_knows_its_place(void **state) {
    (void)state;
    const char *source = "a\n /* \n */ bc `x\ny` d";
    struct lexer lexer = lex_of(source, strlen(source), NULL);
    const unsigned places[][2] = {{1, 1}, {3, 5}, {3, 8}, {4, 4}, {4, 5}};
    for (size_t i = 0; i < 5; i++) {
        struct lex_token token = lex_next(&lexer);
        assert_int_equal(token.line, places[i][0]);
        assert_int_equal(token.column, places[i][1]);
    }
}

static void a_run_reads_again(void **state) {
    (void)state;
    const char *source = "\n SP. x fd::1: -";
    struct lexer lexer = lex_of(source, strlen(source), &defines);
    struct lex_token token = lex_next(&lexer);
    lex_run(&lexer, &token, ".-");
    assert_true(lex_is_word(&token, "SP."));
    assert_int_equal(token.line, 2);
    token = lex_next(&lexer);
    assert_true(lex_is_word(&token, "x"));
    token = lex_next(&lexer);
    lex_run(&lexer, &token, ".:");
    assert_true(lex_is_word(&token, "fd::1:"));
    token = lex_next(&lexer);
    assert_true(lex_is_char(&token, '-'));
    lex_run(&lexer, &token, "");
    assert_true(lex_is_char(&token, '-'));
    assert_int_equal(lex_next(&lexer).kind, LEX_END);
}

static void check_value(const char *source, bool behind_equals, enum lex_kind kind, const char *expected) {
    struct lexer lexer = lex_of(source, strlen(source), NULL);
    struct lex_token token = lex_option_value(&lexer, behind_equals);
    assert_int_equal(token.kind, kind);
    assert_int_equal(token.len, strlen(expected));
    assert_memory_equal(token.text, expected, token.len);
}

static void option_values(void **state) {
    (void)state;
    check_value("=12 x", true, LEX_STRING, "12");
    check_value(" = fd::1 x", true, LEX_STRING, "fd::1");
    check_value("=A=\"b c\"// d", true, LEX_STRING, "A=\"b c\"");
    check_value("=A=`b\nc`", true, LEX_STRING, "A=`b\nc`");
    check_value("=1/* c */", true, LEX_STRING, "1");
    check_value("\n+0 x", true, LEX_END, "");
    check_value("A=1", false, LEX_STRING, "A=1");
    check_value(" A", false, LEX_STRING, "A");
    check_value("= ", true, LEX_BAD, "an option without its value");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_token_wins),
        cmocka_unit_test(comments_are_what_the_originals_take_for_comments),
        cmocka_unit_test(quotes),
        cmocka_unit_test(code_is_stripped_of_spaces_only),
        cmocka_unit_test(defines_stand_in_for_words),
        cmocka_unit_test(directives_choose),
        cmocka_unit_test(directives_must_match),
        cmocka_unit_test(a_token_knows_its_place),
        cmocka_unit_test(a_run_reads_again),
        cmocka_unit_test(option_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
