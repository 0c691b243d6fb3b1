#define _GNU_SOURCE
#include "export_request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char bad[] = "400 Bad Request";

size_t export_head_length(const char *text, size_t len) {
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    return end ? (size_t)(end - text) + 4 : 0;
}

/* A head is lines of visible text. */
static bool is_text(const char *head, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)head[i];
        bool line_end = (c == '\r' && i + 1 < len && head[i + 1] == '\n') || (c == '\n' && i && head[i - 1] == '\r');
        if ((c < ' ' && c != '\t' && !line_end) || c == 0x7f) return false;
    }
    return true;
}

/* RFC 9110, 5.6.2. */
static bool is_token(const char *text) {
    static const char set[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *text && !text[strspn(text, set)];
}

/* Cuts the first line off; NULL: there is none. */
static char *cut_line(char **rest) {
    char *line = *rest, *end = strstr(line, "\r\n");
    if (!end || end == line) return NULL;
    *end = '\0';
    *rest = end + 2;
    return line;
}

/* Cuts the next element off a list with commas, and the spaces around it. NULL: there is none. */
static char *cut_element(char **rest) {
    if (!*rest) return NULL;
    char *element = strsep(rest, ",");
    element += strspn(element, " \t");
    for (size_t len = strlen(element); len && strchr(" \t", element[len - 1]);) element[--len] = '\0';
    return element;
}

/* The weight of an element of Accept: RFC 9110, 12.4.2. */
static double quality(const char *parameters) {
    for (const char *at = parameters; at; at = strchr(at, ';')) {
        at += strspn(at, "; \t");
        if ((*at == 'q' || *at == 'Q') && at[1] == '=') return strtod(at + 2, NULL);
    }
    return 1;
}

struct accepted {
    double openmetrics, text;
};

static void read_accept(struct accepted *accepted, char *value) {
    for (char *element; (element = cut_element(&value));) {
        size_t type = strcspn(element, "; \t");
        double q = quality(strchr(element, ';'));
        bool openmetrics = type == 28 && !strncasecmp(element, "application/openmetrics-text", type);
        bool text = type == 10 && !strncasecmp(element, "text/plain", type);
        if (openmetrics && q > accepted->openmetrics) accepted->openmetrics = q;
        if (text && q > accepted->text) accepted->text = q;
    }
}

static void read_connection(struct export_request *request, char *value) {
    for (char *element; (element = cut_element(&value));) {
        if (!strcasecmp(element, "close")) request->last = true;
        if (!strcasecmp(element, "keep-alive")) request->last = false;
    }
}

/* "METHOD target HTTP/1.1" */
static void read_first_line(struct export_request *request, char *line) {
    char *method = strsep(&line, " "), *target = strsep(&line, " "), *version = line;
    request->wrong = bad;
    if (!target || !version || !is_token(method) || strncmp(version, "HTTP/", 5)) return;
    if (!strncasecmp(target, "http://", 7)) { /* As to a proxy: RFC 9112, 3.2.2. */
        target = strchr(target + 7, '/');
        if (!target) return;
    }
    if (*target != '/') return;
    target[strcspn(target, "?#")] = '\0';
    request->path = target;
    request->get = !strcmp(method, "GET");
    request->head = !strcmp(method, "HEAD");
    request->last = !strcmp(version, "HTTP/1.0");
    request->wrong = request->last || !strcmp(version, "HTTP/1.1") ? NULL : "505 HTTP Version Not Supported";
}

struct export_request export_request_read(char *head, size_t len) {
    struct export_request request = {.last = true, .wrong = bad};
    struct accepted accepted = {0};
    unsigned hosts = 0;
    if (!is_text(head, len)) return request;
    head[len - 2] = '\0';                        /* Instead of the empty line. */
    while (!strncmp(head, "\r\n", 2)) head += 2; /* RFC 9112, 2.2. */
    char *line = cut_line(&head);
    if (line) read_first_line(&request, line);
    bool needs_host = !request.last, body = false;
    while (!request.wrong && (line = cut_line(&head))) {
        char *name = strsep(&line, ":");
        if (!line || !is_token(name)) request.wrong = bad;
        if (!line) break;
        line += strspn(line, " \t");
        hosts += !strcasecmp(name, "Host");
        if (!strcasecmp(name, "Accept")) read_accept(&accepted, line);
        if (!strcasecmp(name, "Connection")) read_connection(&request, line);
        body |= !strcasecmp(name, "Transfer-Encoding") || (!strcasecmp(name, "Content-Length") && strcmp(line, "0"));
    }
    if (hosts > 1 || (needs_host && !hosts)) request.wrong = request.wrong ? request.wrong : bad; /* RFC 9112, 3.2. */
    request.last |= body || request.wrong; /* A body is not read: what follows is no request. */
    request.openmetrics = accepted.openmetrics > 0 && accepted.openmetrics >= accepted.text;
    return request;
}
