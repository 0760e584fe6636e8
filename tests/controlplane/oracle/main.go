// Command oracle answers questions about Helm's behaviour with Helm's own code: one JSON request a line on standard input, one JSON
// answer a line on standard output, in order. The differential tests hold rhumb's engine against it.
//
// A request names its operation in "op"; the answer has the result or "error" with Helm's text. A panic is answered as "panic" and does
// not end the program; a request that takes longer than some seconds does, without an answer. Texts that are no UTF-8 stand in Base64
// under the same name with "64" appended.
//
// It must run with TZ=UTC to be comparable.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"time"
	"unicode/utf8"
)

// answer is what goes back. Its keys are those of the operation, or "error", or "panic".
type answer map[string]any

// put adds a text, in Base64 if JSON cannot carry it.
func (a answer) put(key, text string) answer {
	if utf8.ValidString(text) {
		a[key] = text
	} else {
		a[key+"64"] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return a
}

func failure(err error) answer {
	return answer{}.put("error", err.Error())
}

// operations by name; each takes the whole request.
var operations = map[string]func(request json.RawMessage) answer{
	"render":       render,
	"template":     template,
	"yaml-read":    yamlRead,
	"yaml-values":  yamlValues,
	"yaml-write":   yamlWrite,
	"yaml-pretty":  yamlPretty,
	"version":      checkVersion,
	"set":          set,
	"schema":       checkSchema,
	"funcs":        functionNames,
	"capabilities": capabilities,
	"postrender":   postRender,
}

func main() {
	// What Helm logs would only disturb; the operation "template" catches it.
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	log.SetOutput(io.Discard)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			text, _ := json.Marshal(inTime(line, out))
			out.Write(append(text, '\n'))
			// Answers wait only while more requests are at hand.
			if in.Buffered() == 0 {
				out.Flush()
			}
		}
		if err != nil {
			out.Flush()
			return
		}
	}
}

// patience is how long a request may take: a template can loop for years.
const patience = 5 * time.Second

// inTime ends the program if there is no answer in time, for nothing else ends a loop; answers before it are written.
func inTime(line []byte, out *bufio.Writer) answer {
	answers := make(chan answer, 1)
	go func() { answers <- respond(line) }()
	select {
	case reply := <-answers:
		return reply
	case <-time.After(patience):
		out.Flush()
		os.Exit(3)
		return nil
	}
}

func respond(line []byte) (reply answer) {
	defer func() {
		if reason := recover(); reason != nil {
			reply = answer{}.put("panic", fmt.Sprint(reason))
		}
	}()
	var request struct {
		Op string `json:"op"`
	}
	if err := json.Unmarshal(line, &request); err != nil {
		return answer{"refused": err.Error()}
	}
	operation, known := operations[request.Op]
	if !known {
		return answer{"refused": "no such operation: " + request.Op}
	}
	return operation(line)
}

// take reads the request's own fields.
func take[T any](request json.RawMessage) T {
	var fields T
	if err := json.Unmarshal(request, &fields); err != nil {
		panic(err)
	}
	return fields
}
